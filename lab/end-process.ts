// Ends a child process, whatever state it is in: it may have died before anybody asked, and it may be deaf to SIGTERM.
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** For a conductor that says goodbye on a busy machine. */
const PATIENCE_MS = 30_000

/** Resolves when it is gone; at once when it is already. One that a SIGTERM does not end in time is killed: the answer is true then. */
export async function endProcess(
  child: ChildProcess,
  signal: 'SIGTERM' | 'SIGKILL' = 'SIGKILL',
  patienceMs = PATIENCE_MS,
): Promise<boolean> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return false
  const gone = once(child, 'exit')
  child.kill(signal)
  let killed = false
  const timer = setTimeout(() => (killed = child.kill('SIGKILL')), patienceMs)
  await gone
  clearTimeout(timer)
  return killed
}
