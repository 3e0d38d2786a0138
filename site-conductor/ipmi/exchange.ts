// Asks one question over a channel until an answer fits: the shape of everything before a session stands.
import { CodecError } from './codec/cursor.ts'
import { afterRmcp } from './codec/rmcp.ts'
import type { Env } from './env.ts'
import { IpmiError } from './errors.ts'
import type { Login } from './options.ts'
import type { Channel } from './transport.ts'

export interface Question<Answer> {
  /** For the error message: "Open Session". */
  name: string
  packet: Uint8Array
  /** The answer in a session wrapper, or undefined for somebody else's packet. A CodecError counts as the latter. */
  match(wrapper: Uint8Array): Answer | undefined
  /** Default: the login's. */
  retries?: number
}

/** Resolves the first fitting answer and how often it was asked. Throws IpmiError 'timeout' or 'aborted'. */
export function exchange<Answer>(
  env: Env,
  channel: Channel,
  login: Login,
  question: Question<Answer>,
): Promise<{ answer: Answer; sent: number }> {
  const { timeoutMs } = login.timing
  const retries = question.retries ?? login.timing.retries
  return new Promise((resolve, reject) => {
    let sent = 0
    let stopTimer = () => {}
    const settle = (finish: () => void) => {
      stopTimer()
      login.signal?.removeEventListener('abort', abort)
      channel.onPacket = () => {}
      finish()
    }
    const abort = () => settle(() => reject(aborted(login, question.name)))
    const ask = () => {
      if (sent > retries) {
        const message = `no answer from ${login.bmc} to ${question.name} (asked ${sent} times)`
        return settle(() => reject(new IpmiError('timeout', message)))
      }
      try {
        login.before?.()
      } catch (error) {
        return settle(() => reject(error as Error))
      }
      sent++
      channel.send(question.packet)
      stopTimer = env.setTimer(ask, timeoutMs * sent)
    }
    if (login.signal?.aborted) return reject(aborted(login, question.name))
    login.signal?.addEventListener('abort', abort)
    channel.onPacket = (packet) => {
      try {
        const answer = question.match(afterRmcp(packet))
        if (answer !== undefined) settle(() => resolve({ answer, sent }))
      } catch (error) {
        if (error instanceof CodecError) return
        settle(() => reject(error as Error))
      }
    }
    ask()
  })
}

function aborted(login: Login, name: string): IpmiError {
  return new IpmiError('aborted', `${name} to ${login.bmc} was aborted`)
}
