// Inside the rack's namespaces: a site, and the story on each of its machines, told side by side.
// Arguments: one JSON text, RackDemo. Tells the outer process what happens over IPC (say.ts).
import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { rackDirectory } from '../../lab/namespaces.ts'
import type { MachineSpec } from '../../lab/qemu.ts'
import type { RackMachine } from '../../lab/rack.ts'
import type { Api } from '../../sim/api.ts'
import { startRackSite } from './rack-site.ts'
import type { MachineResult, RackMessage } from './say.ts'
import { deployStory, type StoryImage } from './story.ts'

/** A machine of the demo, and how it is deployed. */
export interface DemoMachine extends Pick<MachineSpec, 'name' | 'firmware' | 'networkBoot' | 'bootOrder'> {
  /** Default: the driver's first. */
  readonly deployInterface?: string
  readonly bootInterface?: string
}

/** What the outer process prepared. */
export interface RackDemo {
  readonly machines: readonly DemoMachine[]
  readonly ramdisk: { readonly kernel: string; readonly initrd: string }
  readonly grub?: string
  readonly image: { readonly path: string; readonly sha256: string; readonly format: 'raw' | 'qcow2' }
  readonly automatedClean: boolean
  /** Where console, logs and databases go; default: the rack's own folder, which is removed at the end. */
  readonly keep?: string
}

/** Of the whole story with one machine; several share two processors. */
const STORY_TIMEOUT_MS = 300_000
const OS_UP_TIMEOUT_MS = 120_000
const CONSOLE_LINES = 12

const demo = JSON.parse(process.argv[2] ?? '{}') as RackDemo
const say = (message: RackMessage) => process.send?.(message)
const print = (text: string) => say({ type: 'line', text })

try {
  await tell()
} catch (error) {
  say({ type: 'failed', message: error instanceof Error ? error.message : String(error) })
  process.exit(1)
}
process.exit(0)

async function tell(): Promise<void> {
  const directory = demo.keep ?? rackDirectory()
  const site = await startRackSite({
    machines: demo.machines.map(({ name, firmware, networkBoot, bootOrder }) => ({
      name,
      firmware,
      disks: [{ sizeGiB: 8 }],
      ...(networkBoot && { networkBoot }),
      ...(bootOrder && { bootOrder }),
    })),
    ramdisk: demo.ramdisk,
    grub: demo.grub,
    image: demo.image.path,
    directory,
    print,
  })
  const image = { url: site.imageUrl, sha256: demo.image.sha256, format: demo.image.format }
  const stories = demo.machines.map((wanted, index) => deploy(site.api, wanted, site.rack.machines[index]!, image))
  say({ type: 'done', machines: await Promise.all(stories) })
  await site.close()
}

async function deploy(api: Api, wanted: DemoMachine, machine: RackMachine, image: StoryImage): Promise<MachineResult> {
  const { name, firmware, deployInterface, bootInterface } = wanted
  const several = demo.machines.length > 1
  const lines: string[] = []
  if (demo.keep) mkdirSync(join(demo.keep, name), { recursive: true })
  machine.console.follow((line) => {
    lines.push(line)
    if (demo.keep) appendFileSync(join(demo.keep, name, 'console.log'), `${line}\n`)
  })
  const result = await deployStory(
    api,
    {
      name,
      mac: machine.mac,
      driverInfo: {
        ipmi_address: machine.bmc.address,
        ipmi_port: machine.bmc.port,
        ipmi_username: machine.bmc.username,
        ipmi_password: machine.bmc.password,
      },
      interfaces: {
        ...(deployInterface && { deploy_interface: deployInterface }),
        ...(bootInterface && { boot_interface: bootInterface }),
      },
      properties: { cpu_arch: 'x86_64', capabilities: `boot_mode:${firmware}` },
      automatedClean: demo.automatedClean,
      osUp: () => machine.console.waitFor(/FERRULE-OS-UP/, OS_UP_TIMEOUT_MS * demo.machines.length),
    },
    image,
    several ? (line) => print(`${name.padEnd(10)} ${line}`) : print,
    STORY_TIMEOUT_MS * demo.machines.length,
  )
  const from = lines.findIndex((line) => line.includes('FERRULE-OS-UP'))
  return {
    name,
    result,
    powerOns: machine.powerLog.filter(({ event }) => event === 'on').length,
    starts: machine.powerLog.flatMap(({ order }) => (order === undefined ? [] : [order])),
    firmwareLines: lines.filter((line) => line.includes('BdsDxe: starting')),
    consoleLines: lines.slice(Math.max(0, from - CONSOLE_LINES / 2), from + CONSOLE_LINES / 2),
  }
}
