// The handshake of RFB (RFC 6143 §7.1), as a server with its clients and as a client with a BMC. Both end just before or after the security result; what
// follows, from the client's initialisation on, is the same for both sides and can be relayed.
import { CHALLENGE_BYTES, isResponse, responseTo } from './vnc-auth.ts'
import { lengthAndText, RfbError, type RfbStream } from './stream.ts'

const VERSION_BYTES = 12
const NONE = 1
const VNC_AUTH = 2
const MAX_REASON_BYTES = 4096

/** The minor version that both know: 3, 7 or 8. RFC 6143 §7.1.1: what is between is 3. */
type Minor = 3 | 7 | 8

async function takeVersion(stream: RfbStream): Promise<Minor> {
  const text = (await stream.take(VERSION_BYTES)).toString('latin1')
  const [, major = '', minor = ''] = /^RFB (\d{3})\.(\d{3})\n$/.exec(text) ?? []
  if (major === '') throw new RfbError('what it says is not RFB')
  const version = Number(major) * 1000 + Number(minor)
  if (version < 3003) throw new RfbError(`it speaks RFB ${Number(major)}.${Number(minor)}`)
  return version >= 3008 ? 8 : version === 3007 ? 7 : 3
}

const versionOf = (minor: Minor) => `RFB 003.00${minor}\n`

/** Where the client waits for the security result. */
export interface Welcomed {
  /** It is in. */
  accept(): void
  /** It is not, and is told why where its version knows reasons. */
  refuse(why: string): void
}

/** `isPassword`: is one of these passwords meant? Absent: the client has shown already who it is. Throws an RfbError where it has not. */
export async function welcome(
  stream: RfbStream,
  security?: { challenge: Uint8Array; judge(isPassword: (password: string) => boolean): boolean },
): Promise<Welcomed> {
  stream.write(versionOf(8))
  const minor = await takeVersion(stream)
  const type = security === undefined ? NONE : VNC_AUTH
  if (minor === 3) stream.write(Buffer.of(0, 0, 0, type))
  else {
    stream.write(Buffer.of(1, type))
    if ((await stream.takeU8()) !== type) throw new RfbError('the client has chosen what was not offered')
  }
  // Without authentication there is a result from 3.8 on only.
  const hasResult = type === VNC_AUTH || minor === 8
  const welcomed: Welcomed = {
    accept: () => hasResult && stream.write(Buffer.of(0, 0, 0, 0)),
    refuse(why) {
      if (hasResult) stream.write(Buffer.of(0, 0, 0, 1))
      if (minor === 8) stream.write(lengthAndText(why))
    },
  }
  if (security === undefined) return welcomed
  const { challenge, judge } = security
  stream.write(challenge)
  const response = await stream.take(CHALLENGE_BYTES)
  if (judge((password) => isResponse(response, challenge, password))) return welcomed
  welcomed.refuse('the password is wrong, used or too old: ask for the console again')
  throw new RfbError('a wrong password')
}

/** As a client, to the end of the security result. `password`: where the server asks for one. */
export async function enter(stream: RfbStream, password?: string): Promise<void> {
  const minor = await takeVersion(stream)
  stream.write(versionOf(minor))
  const type = await chooseSecurity(stream, minor, password !== undefined)
  if (type === VNC_AUTH) stream.write(responseTo(await stream.take(CHALLENGE_BYTES), password!))
  if (type === NONE && minor !== 8) return
  if ((await stream.takeU32()) === 0) return
  throw new RfbError(`it lets nobody in: ${minor === 8 ? await reason(stream) : 'it does not say why'}`)
}

async function chooseSecurity(stream: RfbStream, minor: Minor, hasPassword: boolean): Promise<number> {
  if (minor === 3) {
    const type = await stream.takeU32()
    if (type === 0) throw new RfbError(`it lets nobody in: ${await reason(stream)}`)
    if (type === NONE || (type === VNC_AUTH && hasPassword)) return type
    throw unknown([type])
  }
  const count = await stream.takeU8()
  if (count === 0) throw new RfbError(`it lets nobody in: ${await reason(stream)}`)
  const offered = [...(await stream.take(count))]
  const type = offered.includes(NONE) ? NONE : hasPassword && offered.includes(VNC_AUTH) ? VNC_AUTH : undefined
  if (type === undefined) throw unknown(offered)
  stream.write(Buffer.of(type))
  return type
}

function unknown(types: readonly number[]): RfbError {
  return new RfbError(`it wants an authentication that is not spoken here (security types ${types.join(', ')})`)
}

async function reason(stream: RfbStream): Promise<string> {
  const length = await stream.takeU32()
  if (length > MAX_REASON_BYTES) throw new RfbError('the reason that it gives is too long')
  const text = (await stream.take(length)).toString()
  // A stranger's text, for a log and a person.
  return text.replace(/\p{Cc}/gu, ' ').slice(0, 200)
}
