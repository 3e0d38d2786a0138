// A BMC's RMCP+ side (IPMI 2.0 §13): answers datagrams, keeps sessions, runs and logs commands. Knows nothing of sockets and faults.
// Written apart from the client's session code; only the codecs are shared, and ipmitool, freeipmi and pyghmi judge both.
import { CodecError } from '../../site-conductor/ipmi/codec/cursor.ts'
import { decodeRequest, encodeResponse, type IpmiRequest } from '../../site-conductor/ipmi/codec/message.ts'
import { afterRmcp, isRmcpPlus } from '../../site-conductor/ipmi/codec/rmcp.ts'
import { decodeSession15, encodeSession15 } from '../../site-conductor/ipmi/codec/session15.ts'
import * as wrapper20 from '../../site-conductor/ipmi/codec/session20.ts'
import { suites, type SuiteId } from '../../site-conductor/ipmi/codec/suites.ts'
import { controllersOf, isSendMessage, sendMessageCommand, type Behind, type Controller } from './behind.ts'
import { commands, type Answer, type BmcCommand, type Machine } from './commands.ts'
import type { Chassis } from './chassis.ts'
import { CommandLog } from './log.ts'
import type { SetTimer } from './network.ts'
import { Sensors } from './sdr.ts'
import { Sol } from './sol.ts'
import { createLogin } from './login.ts'
import { SessionTable, type BmcSession, type User } from './sessions.ts'

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
  /** Controllers that are reached through this one. */
  behind?: readonly Behind[]
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
  /** Where the answer of a controller behind this one goes: into the answer to Send Message, or into a packet of its own. */
  bridging: 'inside' | 'after'
}

interface World {
  now(): number
  random(length: number): Uint8Array
  /** For what a console has to be told again; default: never. */
  setTimer?: SetTimer
}

type Push = (datagram: Uint8Array) => void

/** What to send back, if anything; `push` sends what comes later. */
export type Receive = (datagram: Uint8Array, push?: Push) => Uint8Array | undefined

export interface BmcServer {
  receive: Receive
  log: CommandLog
  sessions: SessionTable
  faults: FirmwareFaults
  users: User[]
  sol: Sol
  sensors: Sensors
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
  const sensors = new Sensors()
  const sol = new Sol(world.setTimer ?? (() => () => {}))
  const sessions = new SessionTable(world.now, newId, sessionLimit, sessionIdleMs, (gone) => sol.closed(gone))
  const log = new CommandLog(logReads)
  const faults: FirmwareFaults = {
    busy: 0,
    loseAnswers: 0,
    hangAfter: Infinity,
    closing: 'works',
    manufacturer: [0x57, 0x01, 0x00],
    bridging: 'inside',
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
    sol,
    sensors,
    switchedOn: () => void log.offToOn++,
    now: world.now,
  }

  const { openSession, rakp1, rakp3 } = createLogin({ sessions, users, offered, guid, kg, random: world.random })
  const behind = controllersOf(machine, options.behind)

  function run(request: IpmiRequest, session: BmcSession | undefined): Buffer | undefined {
    const command = isSendMessage(request) ? overBridge(session, behind) : known(request)
    const answer = command ? permitted(command.level, session) : { code: 0xc1 }
    return done(machine, request, command, answer, session)
  }

  /** Runs the command unless there is an `answer` already, and logs it. */
  function done(
    on: Machine,
    request: IpmiRequest,
    command: BmcCommand | undefined,
    answer: Answer | undefined,
    session: BmcSession | undefined,
  ): Buffer {
    const { code = 0, data = [], detail = '' } = answer ?? command?.run(on, request.data, session) ?? {}
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

  /** Send Message to one of these controllers, which asks for no privilege of its own: its bus is trusted. */
  function overBridge(session: BmcSession | undefined, through: readonly Controller[]): BmcCommand {
    return sendMessageCommand(through, faults, (request, at) => {
      const command = isSendMessage(request) ? overBridge(session, at.behind) : known(request)
      return done(at.machine, request, command, command ? undefined : { code: 0xc1 }, session)
    })
  }

  function permitted(level: number, session: BmcSession | undefined): Answer | undefined {
    if (level > (session?.level ?? 0)) return { code: 0xd4 }
    return undefined
  }

  function seal(session: BmcSession, type: number, payload: Uint8Array): Buffer | undefined {
    if (!session.keys) return undefined
    const frame = { payloadType: type, sessionId: session.consoleId, sequence: ++session.sent, payload }
    return wrapper20.encodeSealed20(frame, session.keys, world.random(16))
  }

  function inSession(wrapper: Uint8Array, frame: wrapper20.Session20, push: Push): Buffer | undefined {
    const session = sessions.get(frame.sessionId)
    if (!session?.keys) {
      log.strays++
      return undefined
    }
    const message = wrapper20.unseal20(wrapper, frame, session.keys)
    if (!sessions.accept(session, frame.sequence)) return undefined
    session.push = (type, payload) => {
      const sealed = seal(session, type, payload)
      if (sealed) push(sealed)
    }
    if (faults.hangAfter <= 0) return undefined
    // One that was overtaken is old.
    if (frame.payloadType === wrapper20.payloadType.sol && frame.sequence === session.highest)
      sol.receive(message, session)
    if (frame.payloadType !== wrapper20.payloadType.ipmi) return undefined
    const request = decodeRequest(message)
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
    return response && seal(session, wrapper20.payloadType.ipmi, response)
  }

  function sessionless(message: Uint8Array): Buffer | undefined {
    const request = decodeRequest(message)
    const command = known(request)
    return command?.level === 0 ? run(request, undefined) : undefined
  }

  function receive(datagram: Uint8Array, push: Push): Buffer | undefined {
    const wrapper = afterRmcp(datagram)
    if (faults.hangAfter <= 0) return undefined
    if (!isRmcpPlus(wrapper)) return wrap(sessionless(decodeSession15(wrapper)), encodeSession15)
    const frame = wrapper20.decodeSession20(wrapper)
    if (frame.sessionId !== 0) return inSession(wrapper, frame, push)
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
    receive(datagram, push = () => {}) {
      try {
        return receive(datagram, push)
      } catch (error) {
        if (error instanceof CodecError) return undefined
        throw error
      }
    },
    log,
    sessions,
    faults,
    users,
    sol,
    sensors,
  }
}

function wrap(payload: Buffer | undefined, around: (payload: Uint8Array) => Buffer): Buffer | undefined {
  return payload && around(payload)
}

function known({ netFn, command }: IpmiRequest): BmcCommand | undefined {
  return commands.get((netFn << 8) | command)
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
