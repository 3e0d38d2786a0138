// How the steps of this driver reach a BMC: through the conductor's pool of logins, with errors as faults that say what to do next.
import { FaultError, type FaultCode } from '../../../shared/faults.ts'
import { withoutMediumPath } from '../../boot/ticket.ts'
import type { Context } from '../../driver.ts'
import { RedfishError, type RedfishErrorKind } from '../../redfish/errors.ts'
import { openPool, type OwnSession, type Pool } from '../../redfish/pool.ts'
import type { Changing, Reading, Resource } from '../../redfish/requests.ts'
import type { Session } from '../../redfish/session.ts'
import { type ComputerSystem, getSystem } from '../../redfish/system.ts'
import { BmcFence } from '../fence.ts'
import { bmcOf, type RedfishInfo } from './info.ts'

export type RedfishContext = Context<RedfishInfo>

interface Meaning {
  readonly code: FaultCode
  /** Where the table's is about something else. */
  readonly hint?: string
}

const unreachable: Meaning = {
  code: 'bmc.unreachable',
  hint: 'check redfish_address, cabling and the route from the conductor to the BMC',
}
/** `aborted` is the caller's reason instead, and what a lost session or answer means depends on the fence. */
const MEANING: Record<Exclude<RedfishErrorKind, 'aborted' | 'session-lost' | 'unanswered'>, Meaning> = {
  unreachable,
  tls: {
    code: 'bmc.unreachable',
    hint: 'set redfish_verify_ca to a file with the authority of the certificate, or to false where whoever answers is to be believed',
  },
  authentication: {
    code: 'bmc.authentication',
    hint: 'correct redfish_username and redfish_password in driver_info, then manage again',
  },
  privilege: { code: 'bmc.privilege', hint: 'use a BMC user with administrator privilege' },
  busy: { code: 'bmc.refused', hint: 'wait until the BMC is less busy; a BMC reset may be needed' },
  missing: { code: 'driver.unsupported', hint: "the BMC's firmware may be too old for this" },
  refused: { code: 'bmc.refused', hint: 'see what the BMC says; a BMC reset may be needed' },
  protocol: {
    code: 'bmc.refused',
    hint: "the BMC's firmware may be at fault: update it, or report this with its version",
  },
  closed: { code: 'unavailable' },
  argument: { code: 'driver.invalid_info' },
}

function ownOf(context: RedfishContext): OwnSession | undefined {
  return 'fence' in context && context.fence instanceof BmcFence
    ? (context.fence as BmcFence<OwnSession>).own
    : undefined
}

/** Would whoever comes next shut out a request that is still on its way? */
export function isFenced(context: RedfishContext): boolean {
  return ownOf(context) !== undefined
}

/** Reads in the step's own session, else in a shared one. */
export async function read<Value>(
  context: RedfishContext,
  use: (session: Session, options: Reading) => Promise<Value>,
): Promise<Value> {
  const { signal } = context
  const own = ownOf(context)
  return await asFaults(context, (pool) =>
    own !== undefined
      ? use(own.session, { signal })
      : pool.read(bmcOf(context.driverInfo), (session) => use(session, { signal }), { signal }),
  )
}

/**
 * Changes something: alone among this BMC's mutations, each request behind the last-moment check. In the step's own session; a person's call gets a
 * new one, which is closed afterwards.
 */
export async function mutate<Value>(
  context: RedfishContext,
  use: (session: Session, options: Changing) => Promise<Value>,
): Promise<Value> {
  const { signal, before } = context
  const own = ownOf(context)
  const act = (session: Session) => {
    // What turns out to be as wanted already sends nothing, and is still not for everybody to find out this way.
    before()
    return use(session, { signal, before })
  }
  return await asFaults(context, (pool) =>
    own !== undefined
      ? own.mutate(act, signal)
      : pool.mutate(bmcOf(context.driverInfo), act, { fresh: !('task' in context), before, signal }),
  )
}

export const systemOf = (
  { driverInfo }: RedfishContext,
  session: Session,
  options: Reading,
): Promise<Resource<ComputerSystem>> => getSystem(session, driverInfo.redfish_system_id, options)

/** `lost`: what it means when the BMC dropped a session, or a change in it got no answer. */
export async function asFaults<Value>(
  context: RedfishContext,
  use: (pool: Pool) => Promise<Value>,
  lost: FaultCode = isFenced(context) ? 'bmc.session_lost' : 'bmc.unreachable',
): Promise<Value> {
  try {
    return await use(context.site.resource(openPool))
  } catch (error) {
    if (!(error instanceof RedfishError)) throw error
    if (error.kind === 'aborted') throw context.signal.aborted ? context.signal.reason : error
    const isLost = error.kind === 'session-lost' || error.kind === 'unanswered'
    throw faultOf(context, error, isLost ? lostMeaning(lost) : MEANING[error.kind])
  }
}

function lostMeaning(code: FaultCode): Meaning {
  return code === 'bmc.unreachable' ? unreachable : { code }
}

function faultOf({ driverInfo }: RedfishContext, error: RedfishError, { code, hint }: Meaning): FaultError {
  const manySystems = error.kind === 'argument' && error.message.includes('systems')
  const { origin } = bmcOf(driverInfo).endpoint
  // BMCs repeat what they refuse.
  const said = withoutMediumPath(error.message)
  return new FaultError(code, `BMC ${origin}: ${said}`, {
    ...(said === error.message && { cause: error }),
    ...(manySystems ? { hint: 'set redfish_system_id in driver_info' } : hint !== undefined && { hint }),
  })
}
