// Runs an iPXE script as iPXE does (src/core/exec.c, src/image/script.c): a line is a list of commands joined by && and ||, a line that fails
// ends the script, ${...} is expanded, # begins a comment. Of the commands only those that boot scripts use; an unknown one fails.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Login } from './storage-array.ts'

/** How a script ended. `local`: it left the network, the firmware goes on with its next boot device. */
export type ScriptEnd =
  | { kind: 'boot'; kernel: LoadedImage; commandLine: string; initrds: readonly LoadedImage[] }
  /** `system`: what is on the volume that is booted. */
  | { kind: 'san'; system: string }
  | { kind: 'local' | 'poweroff' | 'reboot' }
  | { kind: 'failed'; why: string }

export interface LoadedImage {
  readonly name: string
  readonly url: string
  readonly bytes: number
}

export interface ScriptWorld {
  /** Settings such as mac and platform. */
  readonly settings: Readonly<Record<string, string>>
  /** Downloads and tells the size; rejects when that fails. */
  load(url: string): Promise<number>
  /** Makes a drive of a volume and answers what is on it; throws when it cannot be had. */
  hook?(login: Login): string
  echo(text: string): void
  readonly signal: AbortSignal
}

/** A script that loops for ever is a broken one. */
const MAX_LINES = 10_000

class End extends Error {
  readonly end: ScriptEnd
  constructor(end: ScriptEnd) {
    super(end.kind)
    this.end = end
  }
}

interface State {
  readonly world: ScriptWorld
  readonly lines: readonly string[]
  readonly settings: Map<string, string>
  /** Line to run next. */
  at: number
  kernel: (LoadedImage & { arguments: string }) | undefined
  initrds: LoadedImage[]
  /** By drive: what is on its volume. */
  readonly drives: Map<string, string>
}

/** Answers whether the command succeeded. */
type Command = (state: State, words: readonly string[]) => Promise<boolean> | boolean

const COMMANDS: Readonly<Record<string, Command>> = {
  echo: ({ world }, words) => {
    world.echo(words.join(' '))
    return true
  },
  set({ settings }, [name = '', ...value]) {
    const text = value.join(' ')
    const isHex = name.endsWith(':hex')
    settings.set(plainName(name), isHex ? Buffer.from(text.replaceAll(':', ''), 'hex').toString() : text)
    return true
  },
  clear: ({ settings }, [name = '']) => settings.delete(plainName(name)),
  inc({ settings }, [name = '', by = '1']) {
    settings.set(plainName(name), String(Number(settings.get(plainName(name)) ?? 0) + Number(by)))
    return true
  },
  iseq: (_, [left, right]) => left === right,
  isset: (_, [value]) => value !== undefined && value !== '',
  goto(state, [label]) {
    const line = state.lines.indexOf(`:${label}`)
    if (line === -1) return false
    state.at = line + 1
    return true
  },
  imgfree(state) {
    state.kernel = undefined
    state.initrds = []
    return true
  },
  async kernel(state, words) {
    const [image, rest] = await load(state, words)
    if (image) state.kernel = { ...image, arguments: rest.join(' ') }
    return image !== undefined
  },
  async initrd(state, words) {
    const [image] = await load(state, words)
    if (image) state.initrds.push(image)
    return image !== undefined
  },
  boot({ kernel, initrds }) {
    if (kernel === undefined) return false
    throw new End({ kind: 'boot', kernel, commandLine: kernel.arguments, initrds })
  },
  async sleep({ world }, [seconds = '0']) {
    await sleep(Number(seconds) * 1000, undefined, { signal: world.signal })
    return true
  },
  exit: () => {
    throw new End({ kind: 'local' })
  },
  sanhook,
  sanunhook: ({ drives }, [, drive = '']) => drives.delete(drive),
  sanboot({ drives, world }, words) {
    const system = drives.get(words[words.indexOf('--drive') + 1] ?? '')
    // A drive that is nobody's volume is the BIOS's own.
    if (system === undefined) throw new End({ kind: 'local' })
    if (system !== '') throw new End({ kind: 'san', system })
    world.echo('Boot from SAN device failed: Exec format error')
    return false
  },
  poweroff: () => {
    throw new End({ kind: 'poweroff' })
  },
  reboot: () => {
    throw new End({ kind: 'reboot' })
  },
}

/** `--drive DRIVE URL...`: of several ways to a volume one is enough. */
function sanhook({ world, settings, drives }: State, [, drive = '', ...urls]: readonly string[]): boolean {
  const [initiator, username, password] = ['initiator-iqn', 'username', 'password'].map((name) => settings.get(name))
  for (const url of urls) {
    try {
      const login = { url, initiator: initiator ?? '', username: username ?? '', password: password ?? '' }
      drives.set(drive, world.hook?.(login) ?? '')
      world.echo(`Registered SAN device ${drive}`)
      return true
    } catch (error) {
      world.echo(`Could not open SAN device ${url}: ${(error as Error).message}`)
    }
  }
  return false
}

/** Rejects only when aborted. */
export async function runScript(text: string, world: ScriptWorld): Promise<ScriptEnd> {
  const lines = text.split('\n').map((line) => line.trim())
  if (!lines[0]?.startsWith('#!ipxe')) return { kind: 'failed', why: 'not an iPXE script' }
  const settings = new Map(Object.entries(world.settings))
  const state: State = { world, lines, settings, at: 1, kernel: undefined, initrds: [], drives: new Map() }
  try {
    for (let count = 0; state.at < lines.length; count++) {
      world.signal.throwIfAborted()
      if (count === MAX_LINES) return { kind: 'failed', why: `no end after ${MAX_LINES} lines` }
      const line = lines[state.at++] ?? ''
      if (line.startsWith(':')) continue
      if (!(await runLine(state, line))) return { kind: 'failed', why: line }
    }
    return { kind: 'local' }
  } catch (error) {
    if (error instanceof End) return error.end
    throw error
  }
}

/** After && the next command runs when the last one succeeded, after || when it failed; a command of no words succeeds. */
async function runLine(state: State, line: string): Promise<boolean> {
  let ok = true
  let process = true
  for (const part of line.replace(/(^|\s)#.*$/, '').split(/\s(?=&&|\|\|)/)) {
    const joint = /^(&&|\|\|)/.exec(part)?.[1]
    if (joint !== undefined) process = joint === '&&' ? ok : !ok
    if (process) ok = await runCommand(state, (joint ? part.slice(2) : part).trim())
  }
  return ok
}

async function runCommand(state: State, text: string): Promise<boolean> {
  const expanded = text.replaceAll(/\$\{([^}]*)\}/g, (_, name: string) => state.settings.get(plainName(name)) ?? '')
  const [name = '', ...words] = expanded.split(/\s+/)
  if (name === '') return true
  const command = COMMANDS[name]
  return command === undefined ? false : await command(state, words)
}

/** `[--name NAME] URL ARGUMENTS...` */
async function load({ world }: State, words: readonly string[]): Promise<[LoadedImage | undefined, string[]]> {
  const rest = [...words]
  let name = ''
  while (rest[0]?.startsWith('--')) {
    const option = rest.shift()
    if (option === '--name') name = rest.shift() ?? ''
  }
  const url = rest.shift() ?? ''
  try {
    return [{ name, url, bytes: await world.load(url) }, rest]
  } catch (error) {
    world.signal.throwIfAborted()
    world.echo(`${url}... ${(error as Error).message}`)
    return [undefined, rest]
  }
}

/** `attempt:int32` and `net0/mac` are `attempt` and `mac`. */
function plainName(name: string): string {
  return name.replace(/^net\d+\//, '').replace(/:.*$/, '')
}
