// A BMC's RMCP+ side (IPMI 2.0 §13): answers datagrams, keeps sessions, runs and logs commands. Knows nothing of sockets and faults.
// Written apart from the client's session code; only the codecs are shared, and ipmitool, freeipmi and pyghmi judge both.
import { timingSafeEqual } from 'node:crypto'
import { CodecError } from '../../site-conductor/ipmi/codec/cursor.ts'
import { rakp2Code, rakp3Code, rakp4Check, sessionIntegrityKey } from '../../site-conductor/ipmi/codec/keys.ts'
import { decodeRequest, encodeResponse, type IpmiRequest } from '../../site-conductor/ipmi/codec/message.ts'
import { decodeOpenSessionRequest, encodeOpenSessionResponse } from '../../site-conductor/ipmi/codec/open-session.ts'
import { decodeRakp1, nameOnlyLookup } from '../../site-conductor/ipmi/codec/rakp1.ts'
import { encodeRakp2 } from '../../site-conductor/ipmi/codec/rakp2.ts'
import { decodeRakp3 } from '../../site-conductor/ipmi/codec/rakp3.ts'
import { encodeRakp4 } from '../../site-conductor/ipmi/codec/rakp4.ts'
import { rakpStatus } from '../../site-conductor/ipmi/codec/rakp-status.ts'
import { afterRmcp, isRmcpPlus } from '../../site-conductor/ipmi/codec/rmcp.ts'
import { decodeSession15, encodeSession15 } from '../../site-conductor/ipmi/codec/session15.ts'
import * as wrapper20 from '../../site-conductor/ipmi/codec/session20.ts'
import { suiteOf, suites, type SuiteId } from '../../site-conductor/ipmi/codec/suites.ts'
import { commands, type Answer, type Machine } from './commands.ts'
import type { Chassis } from './chassis.ts'
import { CommandLog } from './log.ts'
import { SessionTable, type BmcSession, type Proof, type User } from './sessions.ts'

export interface BmcOptions {
  users?: User[]
  suites?: readonly SuiteId[]
  /** The BMC's own key; default: none, one-key login. */
  kg?: Uint8Array
  guid?: Uint8Array
  /** Most sessions at once, half-open ones included. Default 4, as in much hardware. */
  sessionLimit?: number
  /** Default 60,000. */
  sessionIdleMs?: number
  /** Default true. */
  logReads?: boolean
}

/** Faults of the firmware; those of the network are in network.ts. */
export interface FirmwareFaults {
  /** Answers that many commands in sessions with C0 and does nothing. */
  busy: number
  /** Does that many commands in sessions and loses the answers. */
  loseAnswers: number
  /** Stops answering anything once that many more commands in sessions have been done. */
  hangAfter: number
  /** What Close Session with another session's id does: closes it, is refused, closes the one that asks, only says so (as pyghmi's does), or times out over it. */
  closing: 'works' | 'refused' | 'asker' | 'pretended' | 'confused'
  /** Who made it (IANA enterprise number), least significant byte first. */
  manufacturer: readonly number[]
}

interface World {
  now(): number
  random(length: number): Uint8Array
}

/** What to send back, if anything. */
export type Receive = (datagram: Uint8Array) => Uint8Array | undefined

export interface BmcServer {
  receive: Receive
  log: CommandLog
  sessions: SessionTable
  faults: FirmwareFaults
  users: User[]
}

export const defaultUsers: User[] = [
  { name: 'admin', password: 'secret', limit: 4 },
  { name: 'operator', password: 'operate', limit: 3 },
  { name: 'viewer', password: 'view', limit: 2 },
]

export function createBmc(chassis: Chassis, options: BmcOptions, world: World): BmcServer {
  const { kg, sessionLimit = 4, sessionIdleMs = 60_000, logReads = true } = options
  const users = (options.users ?? defaultUsers).map((user) => ({ ...user }))
  const offered = options.suites ?? [3, 17]
  const guid = options.guid ?? Uint8Array.from(world.random(16))
  const newId = () => Buffer.from(world.random(4)).readUInt32LE()
  const sessions = new SessionTable(world.now, newId, sessionLimit, sessionIdleMs)
  const log = new CommandLog(logReads)
  const faults: FirmwareFaults = {
    busy: 0,
    loseAnswers: 0,
    hangAfter: Infinity,
    closing: 'works',
    manufacturer: [0x57, 0x01, 0x00],
  }
  const machine: Machine = {
    chassis,
    guid,
    sessions,
    faults,
    namedUsers: users.some((user) => user.name !== ''),
    kgSet: kg !== undefined,
    suiteRecords: suiteRecords(offered),
    boot: { inProgress: 0, clearing: 0, acknowledge: [0, 0], setAtMs: undefined },
    switchedOn: () => void log.offToOn++,
    now: world.now,
  }

  function openSession(payload: Uint8Array): Buffer {
    const request = decodeOpenSessionRequest(payload)
    const suite = suiteOf(request)
    // 0 asks for the highest level; freeipmi wants to be told which one that is.
    const privilege = request.privilege || 4
    const answer = (status: number, managedId = 0) =>
      encodeOpenSessionResponse({ ...request, status, managedId, privilege })
    if (!suite || !offered.includes(suite.id)) return answer(rakpStatus.noSuite)
    const session = sessions.open(request.consoleId, suite, privilege)
    return session ? answer(0, session.id) : answer(rakpStatus.noSessionLeft)
  }

  function rakp1(payload: Uint8Array): Buffer | undefined {
    const { tag, managedId, consoleRandom, role, username } = decodeRakp1(payload)
    const session = sessions.get(managedId)
    if (!session || session.keys) return undefined
    const { consoleId, suite } = session
    const nothing = new Uint8Array(0)
    const refuse = (status: number) => {
      sessions.close(session)
      return encodeRakp2({ tag, status, consoleId, managedRandom: nothing, guid: nothing, authCode: nothing })
    }
    const wanted = role & 0x0f || 4
    const name = Buffer.from(username).toString()
    const known = users.filter((user) => user.name === name)
    const user = role & nameOnlyLookup ? known[0] : known.find(({ limit }) => limit >= wanted)
    if (!user) return refuse(rakpStatus.unauthorizedName)
    if (wanted > user.limit || wanted > session.asked) return refuse(rakpStatus.unauthorizedPrivilege)
    const repeated = session.proof && same(session.proof.transcript.consoleRandom, consoleRandom)
    if (!repeated) {
      const random = { consoleRandom: Uint8Array.from(consoleRandom), managedRandom: Uint8Array.from(world.random(16)) }
      const transcript = { suite, consoleId, managedId, ...random, guid, role, username: Uint8Array.from(username) }
      const sik = sessionIntegrityKey(transcript, kg ?? Buffer.from(user.password))
      session.proof = { transcript, user, most: wanted, sik }
    }
    const { transcript } = session.proof as Proof
    const authCode = rakp2Code(transcript, Buffer.from(user.password))
    return encodeRakp2({ tag, status: 0, consoleId, managedRandom: transcript.managedRandom, guid, authCode })
  }

  function rakp3(payload: Uint8Array): Buffer | undefined {
    const { tag, status, managedId, authCode } = decodeRakp3(payload)
    const session = sessions.get(managedId)
    if (!session?.proof) return undefined
    const { consoleId, proof } = session
    if (status !== 0) {
      if (!session.keys) sessions.close(session)
      return undefined
    }
    if (!same(authCode, rakp3Code(proof.transcript, Buffer.from(proof.user.password)))) {
      if (!session.keys) sessions.close(session)
      return encodeRakp4({ tag, status: rakpStatus.invalidCheckValue, consoleId, checkValue: new Uint8Array(0) })
    }
    if (!session.keys) sessions.activate(session, proof)
    return encodeRakp4({ tag, status: 0, consoleId, checkValue: rakp4Check(proof.transcript, proof.sik) })
  }

  function run(request: IpmiRequest, session: BmcSession | undefined): Buffer | undefined {
    const command = commands.get((request.netFn << 8) | request.command)
    const answer = command ? permitted(command.level, session) : { code: 0xc1 }
    const { code = 0, data = [], detail = '' } = answer ?? command?.run(machine, request.data, session) ?? {}
    const hex = request.command.toString(16).padStart(2, '0')
    log.add(
      {
        atMs: world.now(),
        session: session?.id ?? 0,
        user: session?.proof?.user.name ?? '',
        privilege: session?.level ?? 0,
        number: request.sequence,
        command: command?.name ?? `${request.netFn.toString(16).padStart(2, '0')}h ${hex}h`,
        detail: code === 0 ? detail : `${detail} refused 0x${code.toString(16)}`.trim(),
      },
      command?.mutation === true,
    )
    return encodeResponse({ ...request, netFn: request.netFn + 1, completionCode: code, data: Uint8Array.from(data) })
  }

  function permitted(level: number, session: BmcSession | undefined): Answer | undefined {
    if (level > (session?.level ?? 0)) return { code: 0xd4 }
    return undefined
  }

  function inSession(wrapper: Uint8Array, frame: wrapper20.Session20): Buffer | undefined {
    const session = sessions.get(frame.sessionId)
    if (!session?.keys) {
      log.strays++
      return undefined
    }
    const message = wrapper20.unseal20(wrapper, frame, session.keys)
    if (!sessions.accept(session, frame.sequence) || frame.payloadType !== wrapper20.payloadType.ipmi) return undefined
    const request = decodeRequest(message)
    if (faults.hangAfter <= 0) return undefined
    faults.hangAfter--
    let response: Buffer | undefined
    if (faults.busy > 0) {
      faults.busy--
      response = encodeResponse({ ...request, netFn: request.netFn + 1, completionCode: 0xc0, data: new Uint8Array(0) })
    } else response = run(request, session)
    if (faults.loseAnswers > 0) {
      faults.loseAnswers--
      return undefined
    }
    if (!response) return undefined
    const sealed = { payloadType: 0, sessionId: session.consoleId, sequence: ++session.sent, payload: response }
    return wrapper20.encodeSealed20(sealed, session.keys, world.random(16))
  }

  function sessionless(message: Uint8Array): Buffer | undefined {
    const request = decodeRequest(message)
    const command = commands.get((request.netFn << 8) | request.command)
    return command?.level === 0 ? run(request, undefined) : undefined
  }

  function receive(datagram: Uint8Array): Buffer | undefined {
    const wrapper = afterRmcp(datagram)
    if (faults.hangAfter <= 0) return undefined
    if (!isRmcpPlus(wrapper)) return wrap(sessionless(decodeSession15(wrapper)), encodeSession15)
    const frame = wrapper20.decodeSession20(wrapper)
    if (frame.sessionId !== 0) return inSession(wrapper, frame)
    const { payloadType, encodePlain20 } = wrapper20
    const answers: { [type: number]: [(payload: Uint8Array) => Buffer | undefined, number] } = {
      [payloadType.ipmi]: [sessionless, payloadType.ipmi],
      [payloadType.openRequest]: [openSession, payloadType.openResponse],
      [payloadType.rakp1]: [rakp1, payloadType.rakp2],
      [payloadType.rakp3]: [rakp3, payloadType.rakp4],
    }
    const answer = answers[frame.payloadType]
    return answer ? wrap(answer[0](frame.payload), (payload) => encodePlain20(answer[1], payload)) : undefined
  }

  return {
    receive(datagram) {
      try {
        return receive(datagram)
      } catch (error) {
        if (error instanceof CodecError) return undefined
        throw error
      }
    },
    log,
    sessions,
    faults,
    users,
  }
}

function wrap(payload: Buffer | undefined, around: (payload: Uint8Array) => Buffer): Buffer | undefined {
  return payload && around(payload)
}

function same(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && timingSafeEqual(left, right)
}

/** Table 22-19: C0, suite, authentication, 40h | integrity, 80h | confidentiality. */
function suiteRecords(offered: readonly SuiteId[]): Uint8Array {
  return Uint8Array.from(
    offered.flatMap((id) => {
      const { authentication, integrity, confidentiality } = suites[id]
      return [0xc0, id, authentication, 0x40 | integrity, 0x80 | confidentiality]
    }),
  )
}
