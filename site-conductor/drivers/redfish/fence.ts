// What Redfish knows of sessions, for the fence (../fence.ts): a session is a resource that another session may delete (DSP0266 §13.3.4.4).
import { RedfishError } from '../../redfish/errors.ts'
import type { OwnSession, Pool } from '../../redfish/pool.ts'
import { type Ability, bmcFencing, type WithoutSession } from '../fence.ts'
import { asFaults, type RedfishContext } from './bmc.ts'
import { bmcOf, type RedfishInfo } from './info.ts'

/** The hub keeps 64 characters: nine are the BMC's. */
const MAX_ID = 55

/** Statuses of a refusal that say nothing of what the BMC can do at another time. Those from 500 on, too, but for 501. */
const PASSING = [408, 409, 412, 423, 425, 429]

export const { openFence, fenceAbility } = bmcFencing<RedfishInfo, Pool, OwnSession>({
  bmcOf: (info) => info.redfish_address,
  placeOf(info) {
    const { origin, root } = bmcOf(info).endpoint
    return `${origin}${root}`
  },
  loginOf: (info) => `${info.redfish_username} ${info.redfish_auth_type}`,
  idOf,
  idPattern: /^[\w.~%-]{1,55}$/,
  cannot: () => undefined,
  asFaults,
  open: openOwn,
  withoutOwn(error) {
    const canGoOn = ['busy', 'missing', 'privilege', 'refused', 'protocol']
    return error instanceof RedfishError && canGoOn.includes(error.kind) ? without(error) : undefined
  },
  async closeOther(own, id, { signal, before }) {
    if (!(await own.mutate((session) => session.removeSession(id, { signal, before }), signal))) return 'absent'
    return (await own.session.hasSession(id, { signal })) ? 'stays' : 'gone'
  },
  refusal(error) {
    if (!(error instanceof RedfishError)) return undefined
    if (error.kind === 'busy') return 'busy'
    if (error.kind === 'session-lost') return 'lost'
    return ['refused', 'privilege', 'missing', 'protocol'].includes(error.kind) ? 'refused' : undefined
  },
  probe,
})

function idOf(own: OwnSession): string {
  return own.session.resource!.id
}

async function openOwn({ driverInfo, signal, before }: RedfishContext, pool: Pool): Promise<OwnSession> {
  const own = await pool.own(bmcOf(driverInfo), { signal, before })
  if (idOf(own).length <= MAX_ID) return own
  await own.close()
  throw new RedfishError('missing', 'the BMC has names for sessions that are too long to keep')
}

function without({ kind, status = 0, message: why }: RedfishError): WithoutSession {
  const isPassing = PASSING.includes(status) || (status >= 500 && status !== 501)
  const cannot = kind === 'missing' || kind === 'privilege' || (kind === 'refused' && !isPassing)
  return { fence: cannot ? 'margin' : 'unknown', why }
}

/** Opens two sessions, deletes one from the other, and looks which of them lives. */
async function probe(context: RedfishContext, pool: Pool): Promise<Ability> {
  const margin = (why: string): Ability => ({ fence: 'margin', why })
  const { signal, before } = context
  const open: OwnSession[] = []
  try {
    for (let i = 0; i < 2; i++) open.push(await openOwn(context, pool))
    const [closing, toClose] = open as [OwnSession, OwnSession]
    const remove = () => closing.mutate((session) => session.removeSession(idOf(toClose), { signal, before }), signal)
    if (!(await remove())) return margin('the BMC denies a session that is open')
    if (await isAlive(toClose, signal))
      return margin('the BMC says that it has deleted a session, which goes on answering')
    await closing.session.checkAlive({ signal })
    return { fence: 'session' }
  } catch (error) {
    const isFatal = ['aborted', 'unreachable', 'unanswered', 'tls', 'authentication', 'closed', 'argument']
    if (!(error instanceof RedfishError) || isFatal.includes(error.kind)) throw error
    const [, toClose] = open
    if (error.kind === 'session-lost' && toClose !== undefined && (await isAlive(toClose, signal)))
      return margin('the BMC deletes the session of whoever asks')
    return without(error)
  } finally {
    await Promise.all(open.map((own) => own.close()))
  }
}

async function isAlive({ session }: OwnSession, signal: AbortSignal): Promise<boolean> {
  try {
    await session.checkAlive({ signal })
    return true
  } catch (error) {
    if (error instanceof RedfishError && error.kind === 'session-lost') return false
    throw error
  }
}
