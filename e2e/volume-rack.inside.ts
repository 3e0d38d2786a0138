// Inside the rack's namespaces: a machine whose instance is on a volume in a storage system. Arguments: one JSON text, Prepared. Tells over IPC what was seen.
import { copyFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { IscsiServer, type IscsiVolume } from '../lab/iscsi-volume.ts'
import { rackDirectory } from '../lab/namespaces.ts'
import { addresses } from '../lab/network.ts'
import type { MachineSpec } from '../lab/qemu.ts'
import { startRackSite } from './demo/rack-site.ts'

export interface Prepared {
  readonly machine: Pick<MachineSpec, 'firmware' | 'networkBoot'>
  readonly ramdisk: { readonly kernel: string; readonly initrd: string }
  readonly image: { readonly path: string }
}

/** Of the console, in its order. */
export const TOLD = {
  refused: /Could not open SAN device: [A-Za-z ]+[a-z]/,
  again: /Ferrule: that failed, next attempt in 10 s/,
  up: /FERRULE-OS-UP.*/,
  volume: /FERRULE-OS-VOLUME.*/,
} as const

export interface Seen {
  readonly said: readonly string[]
  /** Blocks of the machine's own disk that were ever written. */
  readonly diskBlocks: number
  /** Starts of the machine. */
  readonly starts: readonly string[]
  readonly steps: readonly string[]
}

const PATIENCE_MS = 420_000

const { machine, ramdisk, image } = JSON.parse(process.argv[2] ?? '{}') as Prepared
const directory = rackDirectory()
const path = join(directory, 'volume.raw')
copyFileSync(image.path, path)
const volume: IscsiVolume = {
  ...{ iqn: 'iqn.2026-01.org.example:vol-1', lun: 10, path, address: addresses.conductor, port: 3260 },
  initiator: 'iqn.2026-01.org.example:metal-1',
  chap: { username: 'metal-1', password: 'a $b #${mac} ||' },
}
const storage = new IscsiServer(directory)
const site = await startRackSite({
  machines: [{ ...machine, name: 'metal-1', memoryMiB: 512, disks: [{ sizeGiB: 1 }] }],
  ramdisk,
  image: image.path,
  directory: join(directory, 'site'),
  print: (line) => process.send?.({ line }),
})
let code = 0
try {
  process.send?.({ seen: await tell() })
} catch (error) {
  process.send?.({ line: String(error) })
  code = 1
}
await storage.stop()
await site.close()
process.exit(code)

async function tell(): Promise<Seen> {
  const { api, rack } = site
  const { mac, bmc, console, powerLog, disks } = rack.machines[0]!
  const lines: string[] = []
  console.follow((line) => lines.push(line))
  const until = async (what: string, check: () => Promise<boolean> | boolean) => {
    for (const end = Date.now() + PATIENCE_MS; !(await check()); await sleep(100))
      if (Date.now() > end) throw new Error(`no ${what}; the console ends with\n${lines.slice(-25).join('\n')}`)
    process.send?.({ line: what })
  }
  const shows = (what: keyof typeof TOLD, times: number) =>
    until(`${what} ${times}`, () => lines.filter((line) => TOLD[what].test(line)).length >= times)

  const { uuid } = (await api.call('POST', '/nodes', {
    ...{ name: 'metal-1', driver: 'ipmi', storage_interface: 'external', automated_clean: false },
    driver_info: { ipmi_address: bmc.address, ipmi_username: bmc.username, ipmi_password: bmc.password },
    properties: { capabilities: `boot_mode:${machine.firmware},iscsi_boot:True` },
  })) as { uuid: string }
  await api.call('POST', '/ports', { node_uuid: uuid, address: mac })
  await api.call('POST', '/volume/connectors', { node_uuid: uuid, type: 'iqn', connector_id: volume.initiator })
  await api.call('POST', '/volume/targets', {
    ...{ node_uuid: uuid, volume_type: 'iscsi', volume_id: 'vol-1', boot_index: 0 },
    properties: {
      ...{ target_iqn: volume.iqn, target_portal: `${volume.address}:${volume.port}`, target_lun: volume.lun },
      ...{ auth_method: 'CHAP', auth_username: volume.chap.username, auth_password: volume.chap.password },
    },
  })
  const rest = (state: string) =>
    until(state, async () => {
      const { provision_state, reservation, last_error } = await api.node(uuid)
      if (last_error !== null) throw new Error(`${provision_state}: ${last_error}`)
      return provision_state === state && reservation === null
    })
  await api.provision(uuid, 'manage')
  await rest('manageable')
  await api.provision(uuid, 'provide')
  await rest('available')

  // The storage system knows another secret, then it is away, then it lets the machine in.
  await storage.serve({ ...volume, chap: { ...volume.chap, password: 'another-secret' } })
  await api.provision(uuid, 'active')
  await rest('active')
  await shows('again', 1)
  await storage.stop()
  await shows('again', 2)
  await storage.serve(volume)
  await shows('volume', 1)
  await api.call('PUT', `/nodes/${uuid}/states/power`, { target: 'rebooting' })
  await shows('volume', 2)

  await api.provision(uuid, 'deleted')
  await rest('available')
  const timeline = await api.timeline(uuid)
  return {
    said: lines.flatMap((line) => Object.values(TOLD).flatMap((pattern) => pattern.exec(line)?.[0] ?? [])),
    diskBlocks: statSync(disks[0]!).blocks,
    starts: powerLog.flatMap(({ order }) => (order === undefined ? [] : [order.join(' ')])),
    steps: timeline.flatMap(({ type, step }) => (type === 'step.finished' ? [String(step)] : [])),
  }
}
