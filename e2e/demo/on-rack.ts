// Inside the rack's namespaces: a site, and the story on each of its machines, told side by side.
// Arguments: one JSON text, RackDemo. Tells the outer process what happens over IPC (say.ts).
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { rackDirectory } from '../../lab/namespaces.ts'
import { addresses } from '../../lab/network.ts'
import type { MachineSpec } from '../../lab/qemu.ts'
import type { RackMachine } from '../../lab/rack.ts'
import type { Api } from '../../sim/api.ts'
import { debianInstance } from './debian-instance.ts'
import { startRackSite } from './rack-site.ts'
import type { MachineResult, RackMessage } from './say.ts'
import { deployStory, type StoryImage } from './story.ts'

/** A machine of the demo, and how it is deployed. */
export interface DemoMachine extends Pick<MachineSpec, 'name' | 'firmware' | 'networkBoot' | 'bootOrder'> {
  /** Default: the driver's first. */
  readonly deployInterface?: string
  readonly bootInterface?: string
  /** Beside those of every deployment. */
  readonly deploySteps?: readonly Readonly<Record<string, unknown>>[]
}

/** What the outer process prepared. */
export interface RackDemo {
  readonly machines: readonly DemoMachine[]
  readonly ramdisk: { readonly kernel: string; readonly initrd: string }
  /** For boot interface `pxe`: flags of the conductor. */
  readonly loaders?: Readonly<Record<`loader-${string}`, string>>
  readonly image: { readonly path: string; readonly sha256: string; readonly format: 'raw' | 'qcow2' }
  /** Which system the image holds. */
  readonly system: 'tiny' | 'debian'
  readonly automatedClean: boolean
  /** Where the cloud runs. */
  readonly cloud: 'node' | 'workerd'
  /** Where console, logs and databases go; default: the rack's own folder, which is removed at the end. */
  readonly keep?: string
}

/** Of the story with one machine; several share two processors. Debian takes minutes where qemu has no hardware to run it on. */
const LIMITS = {
  tiny: { storyMs: 300_000, osUpMs: 120_000 },
  debian: { storyMs: 900_000, osUpMs: 900_000 },
} as const
const CONSOLE_LINES = 12
// "Cloud-init v. 22.4.2 running 'modules:config' at Sat, … . Up 70.61 seconds."
const CLOUD_INIT_STAGE = /Cloud-init .* running '(\S+)' at .*Up ([\d.]+) seconds/

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
      cpus: demo.system === 'debian' ? 2 : 1,
      disks: [{ sizeGiB: 8 }],
      ...(networkBoot && { networkBoot }),
      ...(bootOrder && { bootOrder }),
    })),
    ramdisk: demo.ramdisk,
    loaders: demo.loaders,
    image: demo.image.path,
    directory,
    print,
    cloud: demo.cloud,
  })
  const image = { url: site.imageUrl, sha256: demo.image.sha256, format: demo.image.format }
  const stories = demo.machines.map((wanted, index) =>
    deploy(site.api, wanted, index, site.rack.machines[index]!, image),
  )
  say({ type: 'done', machines: await Promise.all(stories) })
  await site.close()
}

async function deploy(
  api: Api,
  wanted: DemoMachine,
  index: number,
  machine: RackMachine,
  image: StoryImage,
): Promise<MachineResult> {
  const { name, firmware, deployInterface, bootInterface, deploySteps } = wanted
  const several = demo.machines.length > 1
  const tell = several ? (line: string) => print(`${name.padEnd(10)} ${line}`) : print
  const limits = LIMITS[demo.system]
  const lines: string[] = []
  if (demo.keep) mkdirSync(join(demo.keep, name), { recursive: true })
  machine.console.follow((line) => {
    lines.push(line)
    const stage = CLOUD_INIT_STAGE.exec(line)
    if (stage) tell(`  cloud-init: ${stage[1]}, ${Number(stage[2]).toFixed(0)} s after the kernel's start`)
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
      ...(deploySteps && { deploySteps }),
      ...(demo.system === 'debian' && {
        instance: debianInstance({
          mac: machine.mac,
          address: `${addresses.conductor.replace(/\d+$/, '')}${120 + index}`,
          netmask: '255.255.255.0',
          gateway: addresses.conductor,
        }),
      }),
      osUp: () => machine.console.waitFor(/FERRULE-OS-UP/, limits.osUpMs * demo.machines.length),
    },
    image,
    tell,
    limits.storyMs * demo.machines.length,
  )
  // The console has a reader for each who follows it; this one may still have to come as far as the other.
  for (let tries = 0; tries < 100 && !lines.includes(result.osLine); tries++) await sleep(50)
  await sleep(200) // what the system says right after
  const from = lines.indexOf(result.osLine)
  return {
    name,
    result,
    powerOns: machine.powerLog.filter(({ event }) => event === 'on').length,
    bmcControls: readFileSync(machine.bmcLog, 'utf8')
      .split('\n')
      .flatMap((line) => /^\S+ 02 (\S\S) -> 00$/.exec(line)?.[1] ?? []),
    starts: machine.powerLog.flatMap(({ order }) => (order === undefined ? [] : [order])),
    firmwareLines: lines.filter((line) => line.includes('BdsDxe: starting')),
    consoleLines: lines.slice(Math.max(0, from - CONSOLE_LINES / 2), from + CONSOLE_LINES / 2),
  }
}
