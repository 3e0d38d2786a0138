import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { burnInInfo } from '../deploy/step-needs.ts'
import { RamdiskLayers } from './layers.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

let folder: string
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'ferrule-layers-'))))
afterEach(() => rm(folder, { recursive: true }))

function layers() {
  const [served, withdrawn]: [string[], string[]] = [[], []]
  const made = new RamdiskLayers({
    folder,
    serve: (path) => `http://192.0.2.1/${served.push(path)}`,
    withdraw: (url) => void withdrawn.push(url),
  })
  return { made, served, withdrawn }
}

test('a layer that is not there is none; one that comes later is served once, with its digest', async () => {
  const { made, served } = layers()
  expect(await made.get('burnin')).toBeUndefined()
  await writeFile(join(folder, 'burnin.cpio.zst'), 'one')
  const both = await Promise.all([made.get('burnin'), made.get('burnin')])
  const one = { url: 'http://192.0.2.1/1', sha256: sha256('one') }
  expect(both).toEqual([one, one])
  expect(served).toEqual([join(folder, 'burnin.cpio.zst')])
})

test('one that was replaced is another, and the URL of the old one is gone', async () => {
  const { made, withdrawn } = layers()
  await writeFile(join(folder, 'burnin.cpio.zst'), 'one')
  await made.get('burnin')
  await writeFile(join(folder, 'burnin.cpio.zst'), 'another')
  expect(await made.get('burnin')).toEqual({ url: 'http://192.0.2.1/2', sha256: sha256('another') })
  expect(withdrawn).toEqual(['http://192.0.2.1/1'])
})

test('of driver_info an agent sees what its burn-in needs, and no password of a BMC', () => {
  const driverInfo = {
    ipmi_password: 'secret',
    agent_burnin_cpu_cpu: 2,
    agent_burnin_vm_vm: null,
    agent_burnin_other: 1,
  }
  expect(burnInInfo({ driverInfo }, 'burnin_cpu')).toEqual({ driver_info: { agent_burnin_cpu_cpu: 2 } })
  expect(burnInInfo({ driverInfo }, 'erase_devices')).toEqual({})
})
