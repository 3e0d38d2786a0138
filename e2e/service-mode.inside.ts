// Inside the rack's namespaces: a machine that boots over the network first. A deployment fails, the next one works, and each time
// it boots over the network again afterwards. Arguments: one JSON text, Prepared. Tells over IPC what was seen.
import { setTimeout as sleep } from 'node:timers/promises'
import { rackDirectory } from '../lab/namespaces.ts'
import type { MachineSpec } from '../lab/qemu.ts'
import type { RackMachine } from '../lab/rack.ts'
import { startRackSite } from './demo/rack-site.ts'

export interface Prepared {
  /** They boot over the network first, unless their BMC says otherwise. */
  readonly machines: readonly Pick<MachineSpec, 'name' | 'firmware' | 'networkBoot'>[]
  readonly ramdisk: { readonly kernel: string; readonly initrd: string }
  readonly image: { readonly path: string; readonly sha256: string }
}

export interface Seen {
  readonly name: string
  readonly lastError: string | null
  readonly onAfterFailure: boolean
  /** Starts of the deploy ramdisk, and of the deployed system. */
  readonly ramdisks: number
  readonly systems: number
  readonly localBoots: number
  readonly starts: readonly string[]
}

/**
 * For each wait; machines side by side share the processors, and OVMF waits a minute, many times as long on a busy host, for each of its
 * other ways into a network that has nothing for it.
 */
const PATIENCE_MS = 420_000

const { machines, ramdisk, image } = JSON.parse(process.argv[2] ?? '{}') as Prepared
const site = await startRackSite({
  machines: machines.map((machine) => ({ ...machine, bootOrder: ['net', 'disk'], disks: [{ sizeGiB: 8 }] })),
  ramdisk,
  image: image.path,
  directory: rackDirectory(),
  print: (text) => process.send?.({ line: text }),
})
const { api } = site
let code = 0
try {
  const seen = await Promise.all(site.rack.machines.map(tell))
  process.send?.({ seen })
} catch (error) {
  process.send?.({ line: String(error) })
  code = 1
}
await site.close()
process.exit(code)

async function tell({ name, mac, bmc, machine, console, powerLog }: RackMachine): Promise<Seen> {
  const { firmware } = machine.spec
  const patienceMs = PATIENCE_MS * (firmware === 'uefi' ? 2 : 1) * machines.length
  const lines: string[] = []
  console.follow((line) => lines.push(line))
  const count = (pattern: RegExp) => lines.filter((line) => pattern.test(line)).length
  const until = async (what: string, check: () => Promise<boolean> | boolean) => {
    for (const end = Date.now() + patienceMs; !(await check()); await sleep(200)) {
      if (Date.now() < end) continue
      throw new Error(`${name}: no ${what}; the console ends with\n${lines.slice(-25).join('\n')}`)
    }
    process.send?.({ line: `${name}: ${what}` })
  }
  const { uuid } = (await api.call('POST', '/nodes', {
    name,
    driver: 'ipmi',
    driver_info: { ipmi_address: bmc.address, ipmi_username: bmc.username, ipmi_password: bmc.password },
    properties: { capabilities: `boot_mode:${firmware}` },
    automated_clean: false,
  })) as { uuid: string }
  await api.call('POST', '/ports', { node_uuid: uuid, address: mac })
  const rest = async (state: string) => {
    await until(state, async () => {
      const node = await api.node(uuid)
      return node.provision_state === state && node.reservation === null
    })
    return await api.node(uuid)
  }
  const deploy = async (sha256: string) => {
    const how = { image_os_hash_algo: 'sha256', image_disk_format: 'qcow2' }
    await api.patchNode(uuid, { instance_info: { image_source: site.imageUrl, image_os_hash_value: sha256, ...how } })
    await api.provision(uuid, 'active')
  }
  const localBoots = async () => (await api.timeline(uuid)).filter(({ type }) => type === 'boot.local-boot').length
  /** As if the BMC had forgotten what it was told. */
  const bootFromNetwork = async (target: 'power on' | 'rebooting') => {
    await api.call('PUT', `/nodes/${uuid}/management/boot_device`, { boot_device: 'pxe', persistent: false })
    await api.call('PUT', `/nodes/${uuid}/states/power`, { target })
  }

  await api.provision(uuid, 'manage')
  await rest('manageable')
  await api.provision(uuid, 'provide')
  await rest('available')
  await deploy('ab'.repeat(32))
  const { last_error: lastError } = await rest('deploy failed')
  const onAfterFailure = machine.isOn
  await bootFromNetwork('power on')
  await until('network boot after the failure', async () => (await localBoots()) >= 1)
  await deploy(image.sha256)
  await rest('active')
  await until('deployed system', () => count(/FERRULE-OS-UP/) === 1)
  await bootFromNetwork('rebooting')
  await until('deployed system again', () => count(/FERRULE-OS-UP/) === 2)
  return {
    name,
    lastError,
    onAfterFailure,
    ramdisks: count(/ferrule-init: .* up, /),
    systems: count(/FERRULE-OS-UP/),
    localBoots: await localBoots(),
    starts: powerLog.flatMap(({ order }) => (order === undefined ? [] : [order.join(' ')])),
  }
}
