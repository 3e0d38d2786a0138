// What IPMI knows of sessions, for the fence (../fence.ts): an Administrator session may close another by its id (IPMI 2.0 §22.19).
import { getChassisStatus } from '../../ipmi/commands/chassis-status.ts'
import { closeSessionById } from '../../ipmi/commands/close-session.ts'
import { IpmiError } from '../../ipmi/errors.ts'
import type { OwnSession, Pool } from '../../ipmi/pool.ts'
import { type Ability, bmcFencing, type WithoutSession } from '../fence.ts'
import { asFaults, type IpmiContext } from './bmc.ts'
import { bmcOf, type IpmiInfo } from './info.ts'

/** A closed session answers nothing: asked so often, waited for so long. Not longer, for `verify` waits for it each time. */
const ASKED = 2
const ANSWER_MS = 500

/** Completion codes by which a BMC says that it does not know the command, or not for this user. (C3h, CEh, D5h and FFh are about this moment.) */
const CANNOT = [0xc1, 0xc2, 0xc7, 0xc9, 0xcc, 0xcd, 0xd4, 0xd6]
const NOT_ADMINISTRATOR = 'closing sessions needs ipmi_priv_level ADMINISTRATOR'

export const { openFence, fenceAbility } = bmcFencing<IpmiInfo, Pool, OwnSession>({
  bmcOf: (info) => info.ipmi_address,
  placeOf: ({ ipmi_address: host, ipmi_port: port }) => `${host.toLowerCase()} ${port}`,
  loginOf: (info) => `${info.ipmi_username} ${info.ipmi_priv_level}`,
  idOf: (own) => `0x${own.session.id.toString(16).padStart(8, '0')}`,
  idPattern: /^0x[0-9a-f]{8}$/,
  cannot: (info) => (info.ipmi_priv_level === 'ADMINISTRATOR' ? undefined : NOT_ADMINISTRATOR),
  asFaults,
  open: openOwn,
  withoutOwn(error) {
    return error instanceof IpmiError && (error.kind === 'busy' || error.kind === 'privilege')
      ? without(error)
      : undefined
  },
  async closeOther(own, id, { signal, before }) {
    const other = Number.parseInt(id, 16)
    const close = () => own.mutate((session) => closeSessionById(session, other, { signal, before }), signal)
    if (!(await close())) return 'absent'
    // It must be gone now. (pyghmi's server says yes to every id, and closes nothing.)
    return (await close()) ? 'stays' : 'gone'
  },
  refusal(error) {
    if (!(error instanceof IpmiError)) return undefined
    if (error.kind === 'busy') return 'busy'
    if (error.kind === 'session-lost') return 'lost'
    return ['completion', 'privilege', 'protocol'].includes(error.kind) ? 'refused' : undefined
  },
  probe,
})

function openOwn({ driverInfo, signal, before }: IpmiContext, pool: Pool): Promise<OwnSession> {
  return pool.own(bmcOf(driverInfo), { privilege: 'administrator', signal, before })
}

/** Does the BMC say that it cannot do this, or only that it cannot now? */
function without({ kind, completionCode, message: why }: IpmiError): WithoutSession {
  const cannot = kind === 'privilege' || (completionCode !== undefined && CANNOT.includes(completionCode))
  return { fence: cannot ? 'margin' : 'unknown', why }
}

/** Opens two sessions, closes one by its id from the other, and looks which of them lives. */
async function probe(context: IpmiContext, pool: Pool): Promise<Ability> {
  const margin = (why: string): Ability => ({ fence: 'margin', why })
  if (context.driverInfo.ipmi_priv_level !== 'ADMINISTRATOR') return margin(NOT_ADMINISTRATOR)
  const { signal, before } = context
  const open: OwnSession[] = []
  /** Told to end, and not seen to have ended. */
  let told: OwnSession | undefined
  try {
    for (let i = 0; i < 2; i++) open.push(await openOwn(context, pool))
    const [closing, toClose] = open as [OwnSession, OwnSession]
    told = toClose
    const { id } = toClose.session
    if (!(await closing.mutate((session) => closeSessionById(session, id, { signal, before }), signal)))
      return margin('the BMC denies a session that is open')
    if (await answers(context, toClose)) {
      // Without waiting: it may be the one that was closed instead.
      closing.session.abandon()
      return margin('the BMC says that it has closed a session, which goes on answering')
    }
    told = undefined
    toClose.session.abandon()
    await getChassisStatus(closing.session, { signal })
    return { fence: 'session' }
  } catch (error) {
    if (!(error instanceof IpmiError) || error.kind === 'aborted' || error.kind === 'timeout') throw error
    if (error.kind === 'session-lost' && told !== undefined && (await answers(context, told)))
      return margin('the BMC closes the session of whoever asks')
    return without(error)
  } finally {
    await Promise.all(open.map((own) => own.close()))
  }
}

async function answers({ env, signal }: IpmiContext, { session }: OwnSession): Promise<boolean> {
  for (let i = 0; i < ASKED; i++) {
    const over = new AbortController()
    const stop = env.setTimer(ANSWER_MS, () => over.abort())
    try {
      await getChassisStatus(session, { signal: AbortSignal.any([signal, over.signal]) })
      return true
    } catch (error) {
      if (!(error instanceof IpmiError) || (error.kind !== 'aborted' && error.kind !== 'session-lost')) throw error
      signal.throwIfAborted()
    } finally {
      stop()
    }
  }
  return false
}
