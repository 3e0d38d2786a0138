// qemu-img as a child: the one program that speaks iSCSI from user space and knows image formats. 1. It never outlives us: killed with the signal, and
// by the kernel when this process dies. 2. A secret reaches it through an open file without a name, never through argv or the environment.
import { spawn } from 'node:child_process'
import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { FaultError } from '../../shared/faults.ts'

export interface QemuImgRun {
  readonly args: readonly string[]
  readonly signal: AbortSignal
  /** How much is done, 0 to 1; needs `-p` in args. */
  readonly onFraction?: (fraction: number) => void
  /** Becomes the secret object "secret0". `folder` is where its file is made and at once unlinked: private to us. */
  readonly secret?: { readonly text: string; readonly folder: string }
  /** Gets the process id: for tests. */
  readonly onStart?: (pid: number) => void
}

const MAX_SAID_CHARACTERS = 4_000
const PACKAGES = 'apt-get install qemu-utils qemu-block-extra'
/** Descriptor of the secret in the child. */
const SECRET_FD = 3

/** Resolves when qemu-img has ended well. Rejects with the signal's reason after the child is gone, or with a FaultError. */
export async function runQemuImg(run: QemuImgRun): Promise<void> {
  const { args, signal, secret, onFraction } = run
  signal.throwIfAborted()
  const file = secret && (await namelessFile(secret.folder, secret.text))
  try {
    const [command = '', ...rest] = args
    const object = file ? ['--object', `secret,id=secret0,file=/proc/self/fd/${SECRET_FD}`] : []
    // The parent-death signal is for the day on which we are killed in the middle of a write.
    const argv = ['--pdeathsig', 'KILL', '--', 'qemu-img', command, ...object, ...rest]
    const child = spawn('setpriv', argv, {
      stdio: ['ignore', 'pipe', 'pipe', ...(file ? [file.fd] : [])],
      env: { ...process.env, LC_ALL: 'C' },
    })
    if (child.pid !== undefined) run.onStart?.(child.pid)
    const kill = () => void child.kill('SIGKILL')
    signal.addEventListener('abort', kill, { once: true })
    if (signal.aborted) kill()
    let said = ''
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-MAX_SAID_CHARACTERS)
    })
    const progress = progressReader(onFraction ?? (() => {}))
    child.stdout!.setEncoding('utf8').on('data', progress)
    const end = await new Promise<QemuImgEnd>((resolve) => {
      // Both come when it cannot be started, the second with a code that is no exit code.
      child.once('error', (error) => resolve({ notStarted: error.message }))
      child.once('close', (code, by) => resolve(by === null ? { code: code ?? 0 } : { killedBy: by }))
    }).finally(() => signal.removeEventListener('abort', kill))
    signal.throwIfAborted()
    if (!('code' in end) || end.code !== 0) throw qemuImgFault(end, said)
  } finally {
    await file?.close()
  }
}

/** Takes the output of `-p` ("    (12.34/100%)\r", in pieces of any size) and tells each new fraction. */
export function progressReader(tell: (fraction: number) => void): (text: string) => void {
  let rest = ''
  return (text) => {
    rest = (rest + text).slice(-200)
    const last = [...rest.matchAll(/\(\s*(\d+(?:\.\d+)?)\/100%\)/g)].at(-1)
    if (last === undefined) return
    rest = rest.slice(last.index + last[0].length)
    tell(Math.min(1, Number(last[1]) / 100))
  }
}

/** How the child ended. */
export type QemuImgEnd = { readonly code: number } | { readonly killedBy: string } | { readonly notStarted: string }

/** How it ended and what it said, as a fault with the next action. */
export function qemuImgFault(end: QemuImgEnd, said: string): FaultError {
  const last = said.replaceAll('qemu-img: ', '').trim().split('\n').slice(-3).join('; ')
  if ('killedBy' in end)
    return new FaultError('unavailable', `qemu-img was killed by ${end.killedBy}${last && `: ${last}`}`, {
      hint: "look in the kernel log of the conductor's host whether it ran out of memory",
    })
  const text = 'notStarted' in end ? end.notStarted : last || `exit code ${end.code}`
  const isMissing = 'notStarted' in end || end.code === 127 || /Unknown (?:driver|protocol) 'iscsi'/.test(said)
  if (isMissing)
    return new FaultError('driver.unsupported', `this conductor cannot write over iSCSI: ${text}`, {
      hint: `on the conductor: ${PACKAGES}; or set deploy_interface to direct`,
    })
  if (/No space left on device/.test(said))
    return new FaultError('unavailable', `the conductor's disk is full: ${text}`, { hint: 'make room in its dataDir' })
  if (/Failed to (?:connect|log in)|Authentication failure|iSCSI: Failed/.test(said))
    return new FaultError('agent.lost', `the disk that the agent exports cannot be reached: ${text}`, {
      hint: 'check TCP port 3260 from the conductor to the machine; no address translation may lie between them',
    })
  return new FaultError('disk.io', `writing the image over iSCSI failed: ${text}`)
}

/** An open file that has no name (any more): its text is readable through the descriptor only. */
async function namelessFile(folder: string, text: string) {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, `secret-${crypto.randomUUID()}`)
  const file = await open(path, 'wx+', 0o600)
  try {
    await rm(path)
    await file.write(text)
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}
