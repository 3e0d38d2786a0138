// Tells the conductor at intervals that the agent is there, and at once when it has news. There is one timer and no polling loop.
import { ConductorError } from './conductor-client.ts'

export interface HeartbeatOptions {
  send(): Promise<void>
  /** The conductor's patience (heartbeat_timeout), in milliseconds; the interval is 0.3 to 0.6 of it. */
  timeoutMs: number
  random(): number
  log(message: string): void
}

/** After a failure; a busy conductor (409) is asked again a little later, as its own agent does. */
const ERROR_RETRY_MS = 5000

export interface HeartbeatLoop {
  /** Sends now, or right after the one that is under way. */
  beat(): void
  stop(): void
}

/** The first heartbeat leaves immediately. */
export function startHeartbeat({ send, timeoutMs, random, log }: HeartbeatOptions): HeartbeatLoop {
  let timer: NodeJS.Timeout | undefined
  let sending = false
  let again = false
  let stopped = false
  let sent = 0

  const run = async () => {
    if (stopped) return
    if (sending) {
      again = true
      return
    }
    clearTimeout(timer)
    sending = true
    let waitMs = timeoutMs * (0.3 + 0.3 * random())
    try {
      await send()
      sent += 1
      if (sent === 1) log('first heartbeat accepted')
    } catch (error) {
      waitMs = Math.min(waitMs, ERROR_RETRY_MS * (1 + random()))
      const status = error instanceof ConductorError ? error.status : 0
      log(`heartbeat failed (${status || 'no answer'}): ${(error as Error).message}`)
    }
    sending = false
    if (stopped) return
    if (again) {
      again = false
      waitMs = 0
    }
    timer = setTimeout(() => void run(), waitMs)
  }
  void run()
  return {
    beat: () => void run(),
    stop() {
      stopped = true
      clearTimeout(timer)
    },
  }
}
