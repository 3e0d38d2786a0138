// Opens sessions: resolves the name, shakes hands, raises the privilege. What then happens is live-session.ts.
import { setSessionPrivilege } from './commands/session-privilege.ts'
import { nodeEnv } from './env.ts'
import { handshake } from './handshake.ts'
import { LiveSession, type Session } from './live-session.ts'
import { loginOf, type Login, type SessionOptions } from './options.ts'
import { openTransport, type Channel } from './transport.ts'

export type { Session }

/**
 * Opens a session (five or six round trips) and raises it to `privilege`.
 * Throws IpmiError: 'timeout', 'authentication', 'privilege', 'cipher', 'busy' (no free session), 'aborted', 'argument', 'protocol'.
 */
export async function openSession(options: SessionOptions): Promise<Session> {
  const login = loginOf(options)
  const env = options.env ?? nodeEnv()
  const transport = options.transport ?? openTransport(env)
  let channel: Channel | undefined
  const release = () => {
    channel?.release()
    if (!options.transport) transport.close()
  }
  try {
    const address = await env.lookup(options.host)
    channel = await transport.open(address, options.port ?? 623)
    const session = new LiveSession(env, login, await handshake(env, channel, login), release)
    // A session starts at User level (§22.18), so that only more needs asking for.
    if (login.privilege === 'operator' || login.privilege === 'administrator') await raise(session, login)
    return session
  } catch (error) {
    release()
    throw error
  }
}

async function raise(session: LiveSession, { privilege, signal, before }: Login): Promise<void> {
  try {
    await setSessionPrivilege(session, privilege, { signal, before })
  } catch (error) {
    await session.close()
    throw error
  }
}
