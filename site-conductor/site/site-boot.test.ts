// Boot services and agent API started as one, on free ports of the loopback interface.
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createConductorClient } from '../../agent/conductor-client.ts'
import { Agents } from '../agents/agents.ts'
import { Config } from '../config.ts'
import { silent } from '../log.ts'
import { newSiteCa } from './site-ca.ts'
import { startSiteBoot } from './site-boot.ts'

let folder: string
const ca = await newSiteCa(new Date())
const stored = { publicKey: 'x', privateKey: 'y', ca }

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ferrule-site-boot-'))
  for (const name of ['kernel', 'initrd', 'bios', 'uefi']) await writeFile(join(folder, name), name)
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const config = (more: Record<string, unknown> = {}) =>
  Config.parse({
    address: '127.0.0.1',
    agentApiPort: 0,
    httpBootPort: 0,
    dhcpPort: 0,
    proxyDhcpPort: 0,
    tftpPort: 0,
    bootMode: 'proxy',
    deployKernel: join(folder, 'kernel'),
    deployRamdisk: join(folder, 'initrd'),
    loaderBios: join(folder, 'bios'),
    loaderUefi: join(folder, 'uefi'),
    ...more,
  })
const start = (given: Config, site: typeof stored | { publicKey: string } = stored, agents = new Agents()) =>
  startSiteBoot(given, site, agents, silent, () => {})

test('an agent that has only its kernel arguments finds the conductor and trusts it', async () => {
  const agents = new Agents()
  const boot = await start(config(), stored, agents)
  try {
    const node = randomUUID()
    const token = 'a-token-of-this-boot-with-more-than-32-characters'
    agents.expect({
      node,
      macs: ['52:54:00:00:00:01'],
      token,
      properties: {},
      instanceInfo: {},
      shown: false,
      onShown: async () => {},
      onScript: async () => {},
      onCall: async () => {},
    })
    boot.site.door.admit({
      node,
      macs: ['52:54:00:00:00:01'],
      token: 'x'.repeat(24),
      ramdisk: { ...boot.site.ramdisk, kernelArguments: '' },
    })
    const client = createConductorClient({
      apiUrls: [boot.site.agentApiUrl],
      caDigest: boot.site.caSha256,
      log: () => {},
    })
    const { answer } = await client.lookup({ addresses: ['52:54:00:00:00:01'], nodeUuid: node })
    expect(answer.config.agent_token).toBe(token)
    boot.site.door.withdraw(node)
  } finally {
    await boot.close()
  }
})

test.each([
  ['no address', { address: undefined }, stored, 'address'],
  ['no ramdisk', { deployKernel: '/nowhere/kernel' }, stored, '/nowhere/kernel'],
  ['no loader', { loaderBios: '/nowhere/loader' }, stored, '/nowhere/loader'],
  ['no site CA', {}, { publicKey: 'x' }, 'receive'],
])('%s is said before anything is left open', async (_, more, site, why) => {
  await expect(start(config(more), site)).rejects.toThrow(why)
})
