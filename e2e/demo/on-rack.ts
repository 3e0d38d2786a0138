// Inside the rack's namespaces: cloud, conductor, one BIOS machine, and the story on them.
// Arguments: one JSON text, RackDemo. Tells the outer process what happens over IPC (say.ts).
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, createWriteStream, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { startCloud } from '../../cloud/hosts/node/start.ts'
import { rackDirectory } from '../../lab/namespaces.ts'
import { Rack } from '../../lab/rack.ts'
import { HttpBootServer } from '../../site-conductor/http-boot/server.ts'
import { Api } from '../../sim/api.ts'
import { debianInstance } from './debian-instance.ts'
import type { RackMessage } from './say.ts'
import { deployStory } from './story.ts'

/** What the outer process prepared. */
export interface RackDemo {
  readonly ramdisk: { readonly kernel: string; readonly initrd: string }
  readonly image: { readonly path: string; readonly sha256: string; readonly format: 'raw' | 'qcow2' }
  /** Which system the image holds. */
  readonly system: 'tiny' | 'debian'
  readonly automatedClean: boolean
  readonly firmware: 'bios' | 'uefi'
  readonly deployInterface: 'direct' | 'iscsi'
  /** Where console, logs and databases go; default: the rack's own folder, which is removed at the end. */
  readonly keep?: string
}

// Debian takes minutes where qemu has no hardware to run it on.
const LIMITS = {
  tiny: { storyMs: 300_000, osUpMs: 90_000 },
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
  mkdirSync(directory, { recursive: true })
  const cpus = demo.system === 'debian' ? 2 : 1
  const spec = { name: 'metal-1', firmware: demo.firmware, cpus, disks: [{ sizeGiB: 8 }] }
  const rack = await Rack.up({ machines: [spec] })
  const machine = rack.machines[0]!
  const lines: string[] = []
  machine.console.follow((line) => {
    lines.push(line)
    const stage = CLOUD_INIT_STAGE.exec(line)
    if (stage) print(`  cloud-init: ${stage[1]}, ${Number(stage[2]).toFixed(0)} s after the kernel's start`)
    if (demo.keep) appendFileSync(join(directory, 'console.log'), `${line}\n`)
  })
  print(`rack is up: 1 ${demo.firmware.toUpperCase()} machine, its BMC (OpenIPMI ipmi_sim) at ${machine.bmc.address}`)

  const log = join(directory, 'cloud.log')
  const cloud = await startCloud({
    dataDir: join(directory, 'cloud'),
    port: 0,
    log: (level, event, fields) => appendFileSync(log, `${JSON.stringify({ level, event, ...fields })}\n`),
  })
  print(`cloud is up: ${cloud.url}`)
  const api = new Api(cloud.url, cloud.token ?? '')
  const { sites } = (await api.call('GET', '/sites')) as { sites: { uuid: string }[] }
  const site = sites[0]!.uuid
  const [network] = rack.provisioning.network.split('.0/')
  const pool = { cidr: rack.provisioning.network, first: `${network}.50`, last: `${network}.99` }
  await api.call('PATCH', `/sites/${site}`, [{ op: 'replace', path: '/pool', value: pool }])
  const { token } = (await api.call('POST', `/sites/${site}/enrol-tokens`, {})) as { token: string }
  const conductor = await startConductor(directory, cloud.url, token, rack.conductorAddress)
  await waitForConductor(api, conductor)
  print('conductor is up: enrolled, dialled out, holds a lease')

  const images = new HttpBootServer({ address: rack.conductorAddress, port: 8080 })
  await images.start()
  images.publish('/image', { kind: 'file', path: demo.image.path, contentType: 'application/octet-stream' })
  const result = await deployStory(
    api,
    {
      name: machine.name,
      mac: machine.mac,
      driverInfo: {
        ipmi_address: machine.bmc.address,
        ipmi_port: machine.bmc.port,
        ipmi_username: machine.bmc.username,
        ipmi_password: machine.bmc.password,
      },
      properties: { cpu_arch: 'x86_64', capabilities: `boot_mode:${demo.firmware}` },
      automatedClean: demo.automatedClean,
      deployInterface: demo.deployInterface,
      ...(demo.system === 'debian' && {
        instance: debianInstance({
          mac: machine.mac,
          address: `${network}.120`,
          netmask: '255.255.255.0',
          gateway: rack.conductorAddress,
        }),
      }),
      osUp: () => machine.console.waitFor(/FERRULE-OS-UP/, LIMITS[demo.system].osUpMs),
    },
    { url: `${images.origin}/image`, sha256: demo.image.sha256, format: demo.image.format },
    print,
    LIMITS[demo.system].storyMs,
  )
  const powerOns = machine.powerLog.filter((entry) => entry.event === 'on').length
  const from = lines.findIndex((line) => line.includes('FERRULE-OS-UP'))
  say({
    type: 'done',
    result,
    powerOns,
    consoleLines: lines.slice(Math.max(0, from - CONSOLE_LINES / 2), from + CONSOLE_LINES / 2),
  })

  conductor.kill('SIGTERM')
  await once(conductor, 'exit')
  await images.close()
  await cloud.close()
  await rack.down()
}

/** The conductor as a site admin runs it: the command line, a token on standard input. */
async function startConductor(directory: string, url: string, token: string, address: string): Promise<ChildProcess> {
  const main = join(import.meta.dirname, '../../site-conductor/main.ts')
  const dataDir = join(directory, 'conductor')
  const log = createWriteStream(join(directory, 'conductor.log'))
  await once(log, 'open')
  const enroll = spawn(process.execPath, [main, 'enroll', '--url', url, '--token-file', '-', '--data', dataDir], {
    stdio: ['pipe', log, log],
  })
  enroll.stdin!.end(`${token}\n`)
  const [code] = (await once(enroll, 'exit')) as [number | null]
  if (code !== 0) throw new Error(`the conductor could not enrol (exit code ${code}); see ${directory}/conductor.log`)
  const flags = {
    'data-dir': dataDir,
    drivers: 'ipmi',
    address,
    'deploy-kernel': demo.ramdisk.kernel,
    'deploy-ramdisk': demo.ramdisk.initrd,
    'kernel-arguments': 'console=ttyS0,115200',
    'log-format': 'text',
  }
  return spawn(process.execPath, [main, 'run', ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`)], {
    stdio: ['ignore', log, log],
  })
}

async function waitForConductor(api: Api, conductor: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 150; attempt++) {
    if (conductor.exitCode !== null)
      throw new Error(`the conductor ended with exit code ${conductor.exitCode}; see its log`)
    const { conductors } = (await api.call('GET', '/conductors')) as { conductors: { alive: boolean }[] }
    if (conductors.some(({ alive }) => alive)) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('the conductor did not connect within 15 s; see its log')
}
