// An installer on a simulated machine: fetches its kickstart file, runs its scripts in a real shell, writes what `liveimg` names onto the disk, and does with
// the machine what the file says. It is Anaconda in its order of things only; the archive is a disk's image here.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { BlockDevice } from '../agent/disk/block-devices.ts'
import { openWhilePowered } from './disk.ts'
import { fetchBytes } from './fetch.ts'
import { type KickstartSection, optionOf, readKickstart } from './kickstart.ts'

export interface InstallerOptions {
  /** Of the machine: its /tmp and the root of what is installed lie below. */
  readonly folder: string
  readonly disk: BlockDevice
  readonly address: string
  readonly commandLine: string
  log(line: string): void
  /** Aborts when the power goes. */
  readonly power: AbortSignal
}

/** What becomes of the machine. */
export type InstallerEnd = 'reboot' | 'poweroff' | 'halt'

/** Rejects only when the power goes. */
export async function runInstaller(options: InstallerOptions): Promise<InstallerEnd> {
  const { commandLine, address, power, log } = options
  const [, url = ''] = /(?:^| )inst\.ks=(\S+)/.exec(commandLine) ?? []
  const text = await fetchBytes(url, { address, signal: power }).catch((error: Error) => {
    power.throwIfAborted()
    log(`dracut: the kickstart file cannot be fetched: ${error.message}`)
  })
  if (text === undefined) return 'halt'
  return await install(options, text.toString())
}

async function install(options: InstallerOptions, text: string): Promise<InstallerEnd> {
  const { log, power } = options
  const of = (name: string) => kickstart.sections.filter((section) => section.name === name)
  const kickstart = readKickstart(text)
  try {
    for (const section of of('pre')) await run(options, section)
    await write(options, optionOf(kickstart, 'liveimg', 'url') ?? '', optionOf(kickstart, 'liveimg', 'checksum'))
    for (const section of of('post')) await run(options, section)
  } catch (error) {
    power.throwIfAborted()
    log(`anaconda: ${(error as Error).message}`)
    for (const section of of('onerror')) await run(options, section).catch(() => power.throwIfAborted())
    return 'halt'
  }
  const ENDS = ['reboot', 'poweroff'] as const
  return ENDS.find((end) => kickstart.commands.some(([word]) => word === end)) ?? 'halt'
}

async function write({ disk, address, power, log }: InstallerOptions, url: string, checksum?: string): Promise<void> {
  const image = await fetchBytes(url, { address, signal: power })
  if (checksum !== undefined && createHash('sha256').update(image).digest('hex') !== checksum)
    throw new Error('the image has another checksum')
  const target = await openWhilePowered(disk, power)
  try {
    await target.write(image, 0)
    await target.flush()
  } finally {
    await target.close()
  }
  log(`anaconda: ${image.length} bytes installed`)
}

/** In a shell of this host, with a /tmp and a root of the machine's own: whoever writes anywhere else does that by mistake, as root nowhere. */
async function run(options: InstallerOptions, { name, options: flags, body }: KickstartSection): Promise<void> {
  const { folder, power, log } = options
  const [tmp, root] = [join(folder, 'tmp'), join(folder, 'sysimage')]
  await Promise.all([mkdir(tmp, { recursive: true }), mkdir(root, { recursive: true })])
  power.throwIfAborted()
  const shell = spawn('sh', ['-c', body.replaceAll('/tmp/', `${tmp}/`)], {
    env: { PATH: process.env['PATH'], ANA_INSTALL_PATH: root },
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
    cwd: tmp,
  })
  const cut = () => {
    try {
      process.kill(-shell.pid!, 'SIGKILL')
    } catch {
      // It has ended.
    }
  }
  power.addEventListener('abort', cut, { once: true })
  shell.stderr.on('data', (part: Buffer) => log(`%${name}: ${part.toString().trim()}`))
  const [code] = (await once(shell, 'close').finally(() => power.removeEventListener('abort', cut))) as [number | null]
  power.throwIfAborted()
  if (code !== 0 && flags.includes('--erroronfail')) throw new Error(`%${name} has failed: ${code}`)
}
