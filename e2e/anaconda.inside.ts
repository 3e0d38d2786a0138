// Inside the rack's namespaces: one machine that an installer installs by its kickstart file. Arguments: one JSON text, Prepared. Tells over IPC what
// was seen.
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import type { InstallerFiles } from '../lab/images/installer.ts'
import { rackDirectory } from '../lab/namespaces.ts'
import type { MachineSpec } from '../lab/qemu.ts'
import { buildConfigDrive } from '../site-conductor/config-drive/config-drive.ts'
import { HttpBootServer } from '../site-conductor/http-boot/server.ts'
import { type RackSiteOptions, startRackSite } from './demo/rack-site.ts'

export interface Prepared {
  readonly machine: Pick<MachineSpec, 'name' | 'firmware' | 'networkBoot'>
  readonly bootInterface: 'ipxe' | 'pxe'
  readonly ramdisk: { readonly kernel: string; readonly initrd: string }
  readonly loaders?: RackSiteOptions['loaders']
  readonly image: { readonly path: string; readonly sha256: string }
  readonly installer: InstallerFiles
  readonly userData: string
}

export interface Seen {
  readonly console: readonly string[]
  readonly timeline: readonly string[]
  readonly powerOns: number
}

const PATIENCE_MS = 600_000

const { machine, bootInterface, ramdisk, loaders, image, installer, userData } = JSON.parse(
  process.argv[2] ?? '{}',
) as Prepared
const site = await startRackSite({
  machines: [{ ...machine, disks: [{ sizeGiB: 8 }] }],
  ramdisk,
  loaders,
  image: image.path,
  directory: rackDirectory(),
  print: (line) => process.send?.({ line }),
})
const files = new HttpBootServer({ address: site.rack.conductorAddress, port: 8081 })
let code = 0
try {
  await files.start()
  process.send?.({ seen: await tell() })
} catch (error) {
  process.send?.({ line: String(error) })
  code = 1
}
await files.close()
await site.close()
process.exit(code)

async function tell(): Promise<Seen> {
  const { api, rack } = site
  const [{ name, mac, bmc, console, powerLog }] = rack.machines as [(typeof rack.machines)[number]]
  const lines: string[] = []
  console.follow((line) => lines.push(line))
  const until = async (what: string, check: () => Promise<boolean> | boolean) => {
    for (const end = Date.now() + PATIENCE_MS; !(await check()); await sleep(200)) {
      if (Date.now() < end) continue
      throw new Error(`no ${what}; the console ends with\n${lines.slice(-40).join('\n')}`)
    }
    process.send?.({ line: what })
  }
  const served = ({ path }: { readonly path: string }, as: string) => {
    files.publish(`/${as}`, { kind: 'file', path, contentType: 'application/octet-stream' })
    return `${files.origin}/${as}`
  }
  const { uuid } = (await api.call('POST', '/nodes', {
    name,
    driver: 'ipmi',
    driver_info: { ipmi_address: bmc.address, ipmi_username: bmc.username, ipmi_password: bmc.password },
    properties: { capabilities: `boot_mode:${machine.firmware}` },
    automated_clean: false,
    deploy_interface: 'anaconda',
    boot_interface: bootInterface,
    instance_info: {
      kernel: served(installer.kernel, 'vmlinuz'),
      ramdisk: served(installer.initrd, 'initrd.img'),
      // With pxe this conductor serves them, by TFTP.
      ...(bootInterface === 'pxe' && {
        kernel_checksum: installer.kernel.sha256,
        ramdisk_checksum: installer.initrd.sha256,
      }),
      stage2: `${files.origin}/stage2`,
      image_source: site.imageUrl,
      image_checksum: image.sha256,
    },
  })) as { uuid: string }
  await api.call('POST', '/ports', { node_uuid: uuid, address: mac })
  const rest = (state: string) =>
    until(state, async () => {
      const node = await api.node(uuid)
      if (node.last_error !== null) throw new Error(`${node.last_error}\n${lines.slice(-40).join('\n')}`)
      return node.provision_state === state && node.reservation === null
    })
  await api.provision(uuid, 'manage')
  await rest('manageable')
  await api.provision(uuid, 'provide')
  await rest('available')
  const drive = buildConfigDrive({ user_data: userData }, { node: { uuid, name }, time: new Date(0) })
  await api.provision(uuid, 'active', { configdrive: gzipSync(drive).toString('base64') })
  await rest('active')
  await until('installed system', () => lines.some((line) => line.includes('FERRULE-OS-UP')))
  const timeline = (await api.timeline(uuid)).map(({ type }) => type)
  const powerOns = powerLog.filter(({ event }) => event === 'on').length
  return { console: lines, timeline, powerOns }
}
