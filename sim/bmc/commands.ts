// The commands that the simulated BMC knows, with the privilege level of each (IPMI 2.0 Appendix G).
import { noBoot, type Chassis, type PowerAction } from './chassis.ts'
import type { FirmwareFaults } from './server.ts'
import type { BmcSession, SessionTable } from './sessions.ts'
import type { Sensors } from './sdr.ts'
import type { Sol } from './sol.ts'

/** What a command sees of the BMC. */
export interface Machine {
  chassis: Chassis
  guid: Uint8Array
  sessions: SessionTable
  faults: Pick<FirmwareFaults, 'closing' | 'manufacturer'>
  namedUsers: boolean
  kgSet: boolean
  /** Records of Get Channel Cipher Suites (Table 22-19). */
  suiteRecords: Uint8Array
  boot: BootParameters
  sol: Sol
  sensors: Sensors
  switchedOn(): void
  now(): number
}

/** Boot option parameters 0, 3 and 4; parameter 5 lives in the chassis, which consumes it. */
export interface BootParameters {
  inProgress: number
  clearing: number
  acknowledge: [number, number]
  /** When parameter 5 was written and no Chassis Control has come since. */
  setAtMs: number | undefined
}

export interface Answer {
  code?: number
  data?: Iterable<number>
  /** For the log. */
  detail?: string
}

export interface BmcCommand {
  name: string
  /** Level a session must work at; 0: also answered outside of a session. */
  level: number
  mutation?: boolean
  run(machine: Machine, data: Uint8Array, session: BmcSession | undefined): Answer
}

const actions: readonly PowerAction[] = ['off', 'on', 'cycle', 'reset', 'diag', 'soft']
const tooShort = { code: 0xc7 }
const invalidField = { code: 0xcc }

/** §28.14 note: the flags are cleared when no Chassis Control follows within 60 s, unless parameter 3 bit 3 says otherwise. */
function forgetStaleFlags({ boot, chassis, now }: Machine): void {
  if (boot.setAtMs !== undefined && now() - boot.setAtMs > 60_000 && (boot.clearing & 0x08) === 0)
    chassis.setBoot(noBoot)
}

function chassisControl(machine: Machine, data: Uint8Array): Answer {
  if (data.length < 1) return tooShort
  const action = actions[(data[0] ?? 0) & 0x0f]
  if (!action) return invalidField
  forgetStaleFlags(machine)
  machine.boot.setAtMs = undefined
  const was = machine.chassis.power()
  machine.chassis.control(action)
  if ((was === 'off' && action === 'on') || (was === 'on' && action === 'cycle')) machine.switchedOn()
  return { detail: action }
}

function setBootOption(machine: Machine, data: Uint8Array): Answer {
  const { boot, chassis } = machine
  const [selector, first = 0, second = 0] = data
  if (selector === undefined) return tooShort
  switch (selector & 0x7f) {
    case 0:
      boot.inProgress = first & 3
      return { detail: `set in progress ${first & 3}` }
    case 3:
      boot.clearing = first & 0x1f
      return data.length < 2 ? tooShort : { detail: `flag clearing 0x${first.toString(16)}` }
    case 4:
      boot.acknowledge = [first, second]
      return { detail: 'boot info acknowledge' }
    case 5: {
      if (data.length < 6) return tooShort
      const flags = [(first & 0x80) !== 0, (first & 0x40) !== 0, (first & 0x20) !== 0] as const
      const device = (second >> 2) & 0x0f
      chassis.setBoot({ valid: flags[0], persistent: flags[1], efi: flags[2], device })
      boot.setAtMs = machine.now()
      return { detail: `boot device ${device}${flags[1] ? ' persistent' : ''}${flags[2] ? ' efi' : ''}` }
    }
    default:
      return { code: 0x80 }
  }
}

function getBootOption(machine: Machine, data: Uint8Array): Answer {
  const { boot, chassis } = machine
  if (data.length < 3) return tooShort
  const selector = (data[0] ?? 0) & 0x7f
  const values: { [selector: number]: () => number[] } = {
    0: () => [boot.inProgress],
    3: () => [boot.clearing],
    4: () => boot.acknowledge,
    5: () => {
      forgetStaleFlags(machine)
      const { valid, persistent, efi, device } = chassis.boot()
      return [(valid ? 0x80 : 0) | (persistent ? 0x40 : 0) | (efi ? 0x20 : 0), (device & 0x0f) << 2, 0, 0, 0]
    },
  }
  const value = values[selector]
  return value ? { data: [0x01, selector, ...value()], detail: `parameter ${selector}` } : { code: 0x80 }
}

function setPrivilege(_machine: Machine, data: Uint8Array, session: BmcSession | undefined): Answer {
  const level = (data[0] ?? 0) & 0x0f
  if (!session?.proof) return { code: 0xd5 }
  if (level > 4) return invalidField
  if (level > session.proof.most) return { code: 0x81, detail: `level ${level}` }
  if (level > 0) session.level = level
  return { data: [session.level], detail: `level ${session.level}` }
}

function closeSession({ sessions, faults }: Machine, data: Uint8Array, session: BmcSession | undefined): Answer {
  if (data.length < 4 || !session) return tooShort
  const id = Buffer.from(data).readUInt32LE()
  const other = id === 0 ? sessions.active().find(({ handle }) => handle === data[4]) : sessions.get(id)
  const detail = id === session.id ? 'its own' : `session 0x${id.toString(16)}`
  if (id !== session.id && session.level < 4) return { code: 0xd4, detail }
  if (!other) return { code: id === 0 ? 0x88 : 0x87, detail }
  if (other !== session && faults.closing === 'refused') return { ...invalidField, detail }
  if (other !== session && faults.closing === 'confused') return { code: 0xc3, detail }
  if (other === session || faults.closing !== 'pretended') sessions.close(faults.closing === 'asker' ? session : other)
  return { detail }
}

/** A BMC that starts anew knows no session any more. */
function forgetSessions({ sessions }: Machine): Answer {
  sessions.forgetAll()
  return {}
}

function sessionInfo({ sessions }: Machine, data: Uint8Array, session: BmcSession | undefined): Answer {
  const active = sessions.active()
  const index = data[0] ?? 0
  const byId = data.length >= 5 ? Buffer.from(data).readUInt32LE(1) : 0
  const found =
    index === 0
      ? session
      : index === 0xfe
        ? active.find(({ handle }) => handle === data[1])
        : index === 0xff
          ? active.find(({ id }) => id === byId)
          : active[index - 1]
  if (!found) return { data: [0, sessions.limit, active.length] }
  const about = [found.handle, sessions.limit, active.length, found.handle + 1, found.level, 0x11]
  return { data: [...about, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0] }
}

function channelAuth({ namedUsers, kgSet }: Machine, data: Uint8Array): Answer {
  if (data.length < 2) return tooShort
  // No IPMI 1.5 authentication type is offered; channel 1 speaks RMCP+.
  const extended = (data[0] ?? 0) & 0x80 ? 0x80 : 0
  return { data: [0x01, extended, (kgSet ? 0x20 : 0) | (namedUsers ? 0x04 : 0x01), extended ? 0x02 : 0, 0, 0, 0, 0] }
}

/** There is channel 1, a LAN; 0Eh is the one that a request arrived on. */
function channelInfo(_machine: Machine, data: Uint8Array): Answer {
  if (data[0] !== 0x01 && data[0] !== 0x0e) return invalidField
  return { data: [0x01, 0x04, 0x01, 0x80, 0xf2, 0x1b, 0, 0, 0] }
}

function cipherSuites({ suiteRecords }: Machine, data: Uint8Array): Answer {
  if (data.length < 3) return tooShort
  const from = ((data[2] ?? 0) & 0x3f) * 16
  return { data: [0x01, ...suiteRecords.subarray(from, from + 16)] }
}

/** By network function << 8 | command. */
export const commands: ReadonlyMap<number, BmcCommand> = new Map(
  Object.entries({
    0x0001: {
      name: 'Get Chassis Status',
      level: 2,
      run: ({ chassis }) => ({ data: [chassis.power() === 'on' ? 0x61 : 0x60, 0, 0x40] }),
    },
    0x0002: { name: 'Chassis Control', level: 3, mutation: true, run: chassisControl },
    0x0008: { name: 'Set System Boot Options', level: 3, mutation: true, run: setBootOption },
    0x0009: { name: 'Get System Boot Options', level: 3, run: getBootOption },
    0x042d: { name: 'Get Sensor Reading', level: 2, run: ({ sensors }, data) => sensors.reading(data) },
    0x0601: {
      name: 'Get Device ID',
      level: 2,
      run: ({ faults }) => ({
        data: [0x20, 0x01, 0x01, 0x05, 0x02, 0x80, ...faults.manufacturer, 0x01, 0x00, 0, 0, 0, 0],
      }),
    },
    0x0602: { name: 'Cold Reset', level: 4, mutation: true, run: forgetSessions },
    0x0603: { name: 'Warm Reset', level: 4, mutation: true, run: forgetSessions },
    0x0604: { name: 'Get Self Test Results', level: 2, run: () => ({ data: [0x55, 0x00] }) },
    0x0608: { name: 'Get Device GUID', level: 2, run: ({ guid }) => ({ data: guid }) },
    0x0637: { name: 'Get System GUID', level: 0, run: ({ guid }) => ({ data: guid }) },
    0x0638: { name: 'Get Channel Authentication Capabilities', level: 0, run: channelAuth },
    0x063b: { name: 'Set Session Privilege Level', level: 1, run: setPrivilege },
    0x063c: { name: 'Close Session', level: 1, mutation: true, run: closeSession },
    0x063d: { name: 'Get Session Info', level: 2, run: sessionInfo },
    0x0642: { name: 'Get Channel Info', level: 2, run: channelInfo },
    0x0648: {
      name: 'Activate Payload',
      level: 3,
      mutation: true,
      run: ({ sol }, data, session) => sol.activate(data, session),
    },
    0x0649: { name: 'Deactivate Payload', level: 3, mutation: true, run: ({ sol }) => sol.deactivate() },
    0x0a20: {
      name: 'Get SDR Repository Info',
      level: 2,
      run: ({ sensors }) => ({ data: [0x51, sensors.list.length, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0x22] }),
    },
    0x0a22: { name: 'Reserve SDR Repository', level: 2, run: ({ sensors }) => sensors.reserve() },
    0x0a23: { name: 'Get SDR', level: 2, run: ({ sensors }, data) => sensors.getRecord(data) },
    0x0654: { name: 'Get Channel Cipher Suites', level: 0, run: cipherSuites },
  } satisfies { [code: number]: BmcCommand }).map(([code, command]): [number, BmcCommand] => [Number(code), command]),
)
