import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemEnv } from '../../shared/env.ts'
import { examineOpenStack } from './examine.ts'
import { fakeKeystone, type FakeKeystone } from './fake-keystone.ts'

let folder: string
let keystone: FakeKeystone
let file: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ferrule-doctor-'))
  keystone = await fakeKeystone({ volumev3: () => ({ body: {} }) })
  file = join(folder, 'openstack.json')
  const who = { authUrl: keystone.authUrl, username: 'u', project: 'p', region: 'east' }
  await writeFile(file, JSON.stringify({ ...who, secretFile: join(folder, 'secret'), retries: 0 }))
  await writeFile(join(folder, 'secret'), 'x')
})
afterEach(async () => {
  await keystone.close()
  await rm(folder, { recursive: true })
})

const SERVICES = [
  { what: 'volumes', service: { name: 'Cinder', types: ['block-storage', 'volumev3'] }, path: '/volumes?limit=1' },
  { what: 'networks', service: { name: 'Neutron', types: ['network'] }, path: '/networks?limit=1' },
]
const examined = () => examineOpenStack(file, SERVICES, systemEnv)

test('a login that works, a service that answers, and one that is not there', async () => {
  expect(await examined()).toEqual([
    { what: 'the OpenStack of this site', isOptional: false },
    { what: 'volumes', isOptional: true },
    {
      what: 'networks',
      wrong: expect.stringMatching(/Neutron .*not in the catalogue.*; put its URL/) as string,
      isOptional: true,
    },
  ])
})

test('a login that is refused, and a file with mistakes, are all that is said', async () => {
  keystone.refuseWith = { status: 401, body: { error: { message: 'wrong password' } } }
  expect(await examined()).toEqual([
    {
      what: 'the OpenStack of this site',
      wrong: expect.stringMatching(/refuses the login.*; correct user, project and secret/) as string,
      isOptional: false,
    },
  ])
  await writeFile(file, '{}')
  expect(await examined()).toMatchObject([{ wrong: expect.stringContaining('authUrl: is needed') as string }])
})
