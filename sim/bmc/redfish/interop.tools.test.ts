// Debian's sushy, the library by which Ironic speaks Redfish, judges the simulated BMC: so that our own client is not its first and only reader.
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { issueServer, newSiteCa } from '../../../site-conductor/site/site-ca.ts'
import { run } from '../third-party.ts'
import { type RunningRedfish, startRedfishBmc } from './start.ts'

let bmc: RunningRedfish
let folder: string

const SCRIPT = fileURLToPath(new URL('../testdata/sushy-client.py', import.meta.url))

beforeEach(async () => {
  if (!existsSync('/usr/lib/python3/dist-packages/sushy/__init__.py'))
    throw new Error('missing programs: apt-get install python3-sushy')
  folder = await mkdtemp(join(tmpdir(), 'ferrule-sushy-'))
  const ca = await newSiteCa(new Date())
  await writeFile(join(folder, 'ca.pem'), ca.certificate)
  const { certificate: cert, privateKey: key } = await issueServer(ca, ['127.0.0.1'], new Date())
  bmc = await startRedfishBmc({ tls: { cert, key }, facts: { serialNumber: 'SN-7' } })
})
afterEach(async () => {
  await bmc.close()
  await rm(folder, { recursive: true, force: true })
})

const sushy = async (kind: 'session' | 'basic', password = 'secret'): Promise<Record<string, unknown>> => {
  const args = ['-W', 'ignore', SCRIPT, bmc.url, kind, password]
  // (An environment that has it set already would win over what sushy is told.)
  const { text } = await run('/usr/bin/python3', args, { REQUESTS_CA_BUNDLE: join(folder, 'ca.pem') })
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    throw new Error(`sushy: ${text.slice(-2_000)}`)
  }
}

const everything = () => ({
  system: [bmc.machine.facts.uuid, 'Ferrule', 'SN-7', 64],
  power: ['Off', 'On', 'Off'],
  boot: ['Pxe', 'Once', 'UEFI'],
  indicator: 'Blinking',
  chassis: ['Lit', 20, 'Fan.1', 750],
  secure_boot: true,
  bios: ['Enabled', 'Disabled', 7, 'Enabled'],
  processors: [64, 'x86'],
  macs: ['52:54:00:00:00:01'],
  volume: [4, 'root', 'RAID1', 100],
  volumes: 0,
  media: [true, 'http://192.0.2.1/image.iso', false],
  manager: '2.10.0',
  update: ['Running', 'Completed'],
  subscription: [['Alert', 'ResourceUpdated', 'StatusChange'], 'sushy', '1'],
  subscriptions: 0,
})

test.each(['session', 'basic'] as const)(
  'sushy with %s authentication finds and changes what Ironic would',
  async (kind) => {
    expect(await sushy(kind)).toEqual(everything())
    const resets = bmc.log.of('ComputerSystem.Reset')
    expect(resets.map(({ detail }) => detail)).toEqual(['On', 'ForceOff', 'On', 'ForceOff', 'On', 'Nmi'])
    expect(new Set(resets.map(({ session }) => session))).toEqual(new Set([kind === 'basic' ? 'basic' : '1']))
    expect(bmc.machine.nmis).toBe(1)
    expect(bmc.machine.firmware.get('BMC')).toBe('2.11.3')
    expect(bmc.activeSessions()).toBe(0)
    expect(bmc.log.refused()).toEqual([])
  },
)

test('sushy with a wrong password is refused', async () => {
  expect(await sushy('session', 'wrong')).toEqual({ error: 'AccessError' })
  expect(bmc.activeSessions()).toBe(0)
})
