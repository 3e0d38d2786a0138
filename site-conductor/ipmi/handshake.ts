// Opens an RMCP+ session (IPMI 2.0 §13.15): Get Channel Authentication Capabilities, Open Session, RAKP 1 to 4.
// Invariants: both of the BMC's proofs (RAKP 2, RAKP 4) are verified; a handshake that fails leaves no slot taken where we can help it.
import { timingSafeEqual } from 'node:crypto'
import { CodecError } from './codec/cursor.ts'
import * as keys from './codec/keys.ts'
import { decodeResponse, encodeRequest } from './codec/message.ts'
import { decodeOpenSessionResponse, encodeOpenSessionRequest, type OpenSessionResponse } from './codec/open-session.ts'
import { encodeRakp1, nameOnlyLookup } from './codec/rakp1.ts'
import { decodeRakp2 } from './codec/rakp2.ts'
import { encodeRakp3 } from './codec/rakp3.ts'
import { decodeRakp4 } from './codec/rakp4.ts'
import { rakpStatus } from './codec/rakp-status.ts'
import { isRmcpPlus } from './codec/rmcp.ts'
import { decodeSession15, encodeSession15 } from './codec/session15.ts'
import { decodeSession20, encodePlain20, payloadType } from './codec/session20.ts'
import { suiteOf, suites, type CipherSuite } from './codec/suites.ts'
import { channelAuth, channelAuthName, channelAuthRequest, readChannelAuth } from './commands/channel-auth.ts'
import { privilegeLevels } from './commands/session-privilege.ts'
import type { Env } from './env.ts'
import { IpmiError } from './errors.ts'
import { exchange } from './exchange.ts'
import type { Login } from './options.ts'
import { refusal, SuiteRefused } from './refusal.ts'
import { SealedChannel } from './sealed-channel.ts'
import type { Channel } from './transport.ts'

/** The handshake got into a state that only a new one gets out of (a lost RAKP 4, say). */
class Stuck extends Error {
  readonly why: IpmiError
  constructor(why: IpmiError) {
    super(why.message)
    this.why = why
  }
}

/** Throws IpmiError. */
export async function handshake(env: Env, channel: Channel, login: Login): Promise<SealedChannel> {
  const kgSet = await probe(env, channel, login)
  let suite = suites[login.cipherSuite ?? 17]
  for (let starts = 1; ; starts++)
    try {
      return await attempt(env, channel, login, suite, kgSet)
    } catch (error) {
      if (error instanceof SuiteRefused && login.cipherSuite === undefined && suite.id === 17) {
        suite = suites[3]
        continue
      }
      if (!(error instanceof Stuck)) throw error
      if (starts >= 4) throw error.why
    }
}

/** Whether somebody with RMCP+ is there at all, which makes for clear errors; a BMC that answers nonsense here is tried all the same. */
async function probe(env: Env, channel: Channel, login: Login): Promise<boolean> {
  const sequence = (env.random(1)[0] ?? 0) & 0x3f
  const data = channelAuthRequest(privilegeLevels[login.privilege])
  const { answer } = await exchange(env, channel, login, {
    name: channelAuthName,
    packet: encodeSession15(encodeRequest({ ...channelAuth, sequence, data })),
    match(wrapper) {
      if (isRmcpPlus(wrapper)) return undefined
      const response = decodeResponse(decodeSession15(wrapper))
      return response.command === channelAuth.command && response.sequence === sequence ? response : undefined
    },
  })
  if (answer.completionCode !== 0 || answer.data.length < 4) return false
  const found = readChannelAuth(answer.data)
  if (!found.ipmi20) throw new IpmiError('cipher', `${login.bmc} speaks IPMI 1.5 only, IPMI 2.0 (RMCP+) is needed`)
  return found.kgSet
}

async function attempt(
  env: Env,
  channel: Channel,
  login: Login,
  wanted: CipherSuite,
  kgSet: boolean,
): Promise<SealedChannel> {
  const consoleId = Buffer.from(env.random(4)).readUInt32LE() || 1
  const tag = env.random(1)[0] ?? 0
  const opened = await openSession(env, channel, login, { wanted, consoleId, tag })
  const { suite, managedId } = opened
  const role = nameOnlyLookup | privilegeLevels[login.privilege]
  const consoleRandom = Uint8Array.from(env.random(16))
  const rakp1 = encodeRakp1({ tag: tag + 1, managedId, consoleRandom, role, username: login.username })
  const { answer: rakp2, sent: asked } = await exchange(env, channel, login, {
    name: 'RAKP 1 (some BMCs stay silent about a user name that they do not know)',
    packet: encodePlain20(payloadType.rakp1, rakp1),
    match: (wrapper) => fitting(wrapper, payloadType.rakp2, decodeRakp2, (tag + 1) & 0xff, consoleId),
  })
  if (rakp2.status !== 0) throw refusal(login, 'RAKP 2', rakp2.status)
  const { managedRandom, guid } = rakp2
  const ids = { consoleId, managedId, consoleRandom, managedRandom, guid }
  const transcript = { suite, ...ids, role, username: login.username }
  if (!same(rakp2.authCode, keys.rakp2Code(transcript, login.password))) {
    // Telling the BMC frees its half-open session at once.
    const farewell = { tag: tag + 2, status: rakpStatus.invalidCheckValue, managedId, authCode: new Uint8Array(0) }
    channel.send(encodePlain20(payloadType.rakp3, encodeRakp3(farewell)))
    throw new IpmiError('authentication', `wrong password for user "${login.username}" at ${login.bmc}`)
  }
  const sik = keys.sessionIntegrityKey(transcript, login.kg ?? login.password)
  const sealed = new SealedChannel(env, channel, { consoleId, managedId, keys: keys.sessionKeys(suite, sik) })
  const authCode = keys.rakp3Code(transcript, login.password)
  const packet = encodePlain20(payloadType.rakp3, encodeRakp3({ tag: tag + 2, status: 0, managedId, authCode }))
  try {
    const { answer: rakp4, sent } = await exchange(env, channel, login, {
      name: 'RAKP 3',
      packet,
      match: (wrapper) => fitting(wrapper, payloadType.rakp4, decodeRakp4, (tag + 2) & 0xff, consoleId),
    })
    if (rakp4.status !== 0) {
      const error = refusal(login, 'RAKP 4', rakp4.status)
      // A BMC that saw a message twice may have made a new random number of the second RAKP 1, or be done with the session.
      throw asked > 1 || sent > 1 ? new Stuck(error) : error
    }
    if (!same(rakp4.checkValue, keys.rakp4Check(transcript, sik)))
      throw new IpmiError(
        'authentication',
        `wrong Kg for ${login.bmc}${kgSet ? '' : ' (the BMC says that none is set)'}`,
      )
    return sealed
  } catch (error) {
    // RAKP 4 may have been lost: the BMC then counts a session that nobody uses until it expires.
    sealed.abandon()
    if (error instanceof IpmiError && error.kind === 'timeout') throw new Stuck(error)
    throw error
  }
}

async function openSession(
  env: Env,
  channel: Channel,
  login: Login,
  { wanted, consoleId, tag }: { wanted: CipherSuite; consoleId: number; tag: number },
): Promise<{ suite: CipherSuite; managedId: number }> {
  const privilege = privilegeLevels[login.privilege]
  const request = encodeOpenSessionRequest({ tag, privilege, consoleId, ...wanted })
  const { answer } = await exchange<OpenSessionResponse>(env, channel, login, {
    name: 'Open Session',
    packet: encodePlain20(payloadType.openRequest, request),
    match: (wrapper) => fitting(wrapper, payloadType.openResponse, decodeOpenSessionResponse, tag, consoleId),
  })
  if (answer.status !== 0) throw refusal(login, `Open Session with cipher suite ${wanted.id}`, answer.status)
  // pyghmi's server answers with suite 3 whatever was asked: that is an offer, which we may take unless a suite was demanded.
  const suite = suiteOf(answer)
  if (!suite || (suite !== wanted && login.cipherSuite !== undefined))
    throw new IpmiError('cipher', `${login.bmc} does not take cipher suite ${login.cipherSuite ?? '17 or 3'}`)
  return { suite, managedId: answer.managedId }
}

/** A handshake payload of this type with our tag and id; error answers may lack the id. */
function fitting<Message extends { tag: number; status: number; consoleId: number }>(
  wrapper: Uint8Array,
  type: number,
  decode: (payload: Uint8Array) => Message,
  tag: number,
  consoleId: number,
): Message | undefined {
  if (!isRmcpPlus(wrapper)) return undefined
  const frame = decodeSession20(wrapper)
  if (frame.payloadType !== type || frame.sessionId !== 0) return undefined
  if (frame.encrypted || frame.signed) throw new CodecError('handshake payload is sealed')
  const message = decode(frame.payload)
  const ours = message.consoleId === consoleId || message.status !== 0
  return message.tag === tag && ours ? message : undefined
}

function same(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && timingSafeEqual(left, right)
}
