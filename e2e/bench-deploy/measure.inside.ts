// Inside the rack's namespaces: one BIOS machine is deployed, and everybody who saw something says when. Arguments: one JSON text,
// Prepared. Tells over IPC: lines, then the evidence.
import { copyFileSync, readFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sha256Of } from '../../lab/images/boot-disk.ts'
import { rackDirectory } from '../../lab/namespaces.ts'
import { startRackSite } from '../demo/rack-site.ts'
import { deployStory } from '../demo/story.ts'
import type { Evidence } from './phases.ts'

export interface Prepared {
  readonly ramdisk: { readonly kernel: string; readonly initrd: string }
  readonly image: string
  /** The image is made as long as this with zeros, to be that of the anchor. */
  readonly imageBytes: number
}

export type Told =
  | { readonly type: 'line'; readonly line: string }
  | { readonly type: 'evidence'; readonly evidence: Evidence }
  | { readonly type: 'failed'; readonly why: string }

/** How exactly a line of the console is dated. */
const CONSOLE_POLL_MS = 5
const STORY_MS = 600_000
const OS_UP_MS = 300_000

const { ramdisk, image, imageBytes } = JSON.parse(process.argv[2] ?? '{}') as Prepared
const tell = (told: Told) => process.send?.(told)
const directory = rackDirectory()
const padded = join(directory, 'image.raw')
copyFileSync(image, padded)
truncateSync(padded, imageBytes)
const sha256 = await sha256Of(padded)
const transfer = { startMs: 0, endMs: 0 }
const site = await startRackSite({
  machines: [{ name: 'metal-1', firmware: 'bios', disks: [{ sizeGiB: 8 }] }],
  ramdisk,
  image: padded,
  directory,
  print: (line) => tell({ type: 'line', line }),
  onImage({ durationMs, outcome }) {
    if (transfer.startMs === 0) transfer.startMs = Date.now() - durationMs
    if (outcome !== undefined) transfer.endMs = Date.now()
  },
})
const { api } = site
const [machine] = site.rack.machines
if (machine === undefined) throw new Error('the rack has no machine')
const console: Evidence['console'][number][] = []
machine.console.follow((line) => console.push({ atMs: Date.now(), line }), CONSOLE_POLL_MS)
try {
  const { uuid, verbAtMs, activeAtMs } = await deployStory(
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
      interfaces: { deploy_interface: 'direct' },
      properties: { cpu_arch: 'x86_64', capabilities: 'boot_mode:bios' },
      automatedClean: false,
      osUp: () => machine.console.waitFor(/FERRULE-OS-UP/, OS_UP_MS),
    },
    { url: site.imageUrl, sha256, format: 'raw' },
    (line) => tell({ type: 'line', line }),
    STORY_MS,
  )
  // Both followers read the same file, each for itself; and notes are sent in batches.
  for (let tries = 0; tries < 200 && !console.some(({ line }) => line.includes('FERRULE-OS-UP')); tries++)
    await sleep(20)
  await sleep(500)
  const timeline = await api.timeline(uuid)
  tell({
    type: 'evidence',
    evidence: {
      verbAtMs,
      activeAtMs,
      power: machine.powerLog,
      bmc: bmcLog(machine.bmcLog).filter(({ atMs }) => atMs >= verbAtMs),
      console: console.filter(({ atMs, line }) => atMs >= verbAtMs && /ferrule/i.test(line)),
      image: transfer,
      timeline: timeline
        .map(({ at, type, body }) => ({ atMs: Date.parse(at), type, body }))
        .filter(({ atMs }) => atMs >= verbAtMs),
    },
  })
} catch (error) {
  const log = readFileSync(join(directory, 'conductor.log'), 'utf8').split('\n').slice(-25)
  const lines = console.slice(-25).map(({ line }) => line)
  tell({ type: 'failed', why: [String(error), '--- console', ...lines, '--- conductor', ...log].join('\n') })
  process.exitCode = 1
}
await site.close()
process.exit()

/** "<seconds> <command> <data> -> <answer>" in hex; only what was taken. */
function bmcLog(path: string): Evidence['bmc'][number][] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const found = /^(\d+\.\d+) (\S\S) (\S*) -> 00/.exec(line)
      return found ? [{ atMs: Number(found[1]) * 1000, command: found[2]!, data: found[3]! }] : []
    })
}
