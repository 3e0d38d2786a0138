// How the steps of this driver reach a BMC: through the conductor's session pool, with errors as faults that say what to do next.
import { FaultError, type FaultCode } from '../../../shared/faults.ts'
import type { Context } from '../../driver.ts'
import { IpmiError, type IpmiErrorKind } from '../../ipmi/errors.ts'
import { openPool, type OwnSession, type Pool, type ReadOptions } from '../../ipmi/pool.ts'
import { over } from '../../ipmi/bridge.ts'
import type { RequestOptions, Requester } from '../../ipmi/request.ts'
import { BmcFence } from '../fence.ts'
import { bmcOf, bridgeOf, type IpmiInfo, levelOf } from './info.ts'

export type IpmiContext = Context<IpmiInfo>

const FAULT_OF: Record<Exclude<IpmiErrorKind, 'aborted' | 'session-lost'>, FaultCode> = {
  timeout: 'bmc.unreachable',
  authentication: 'bmc.authentication',
  privilege: 'bmc.privilege',
  cipher: 'bmc.cipher',
  busy: 'bmc.refused',
  completion: 'bmc.refused',
  protocol: 'bmc.refused',
  closed: 'unavailable',
  argument: 'driver.invalid_info',
}

const UNREACHABLE = 'check ipmi_address, cabling and the route from the conductor to the BMC'

function ownOf(context: IpmiContext): OwnSession | undefined {
  return 'fence' in context && context.fence instanceof BmcFence
    ? (context.fence as BmcFence<OwnSession>).own
    : undefined
}

/** Reads in the step's own session, else in a shared one of the lowest privilege that will do, so that a stale reader cannot act. */
export async function read<Value>(
  context: IpmiContext,
  use: (session: Requester, options: RequestOptions) => Promise<Value>,
  privilege: ReadOptions['privilege'] = 'user',
): Promise<Value> {
  const { signal } = context
  const own = ownOf(context)
  const bridge = bridgeOf(context.driverInfo)
  const ask = (session: Requester) => use(over(session, bridge), { signal })
  return await asFaults(context, (pool) =>
    own !== undefined ? ask(own.session) : pool.read(bmcOf(context.driverInfo), ask, { privilege, signal }),
  )
}

/**
 * Changes something: alone among this BMC's mutations, each packet behind the last-moment check. In the step's own session; a person's call gets a
 * new one, which is closed afterwards. `highest`: as much as the user may, where nobody knows what is needed.
 */
export async function mutate<Value>(
  context: IpmiContext,
  use: (session: Requester, options: RequestOptions) => Promise<Value>,
  level: 'operator' | 'highest' = 'operator',
): Promise<Value> {
  const { signal, before } = context
  const own = ownOf(context)
  const bridge = bridgeOf(context.driverInfo)
  const act = (session: Requester) => use(over(session, bridge), { signal, before })
  const privilege = level === 'highest' ? levelOf(context.driverInfo) : level
  const options = { privilege, fresh: !('task' in context), before, signal }
  return await asFaults(context, (pool) =>
    own !== undefined ? own.mutate(act, signal) : pool.mutate(bmcOf(context.driverInfo), act, options),
  )
}

/** `lost`: what it means when the BMC dropped a session. */
export async function asFaults<Value>(
  context: IpmiContext,
  use: (pool: Pool) => Promise<Value>,
  lost: FaultCode = ownOf(context) === undefined ? 'bmc.unreachable' : 'bmc.session_lost',
): Promise<Value> {
  try {
    return await use(context.site.resource(openPool))
  } catch (error) {
    if (error instanceof IpmiError) {
      if (error.kind === 'aborted') throw context.signal.aborted ? context.signal.reason : error
      const code = error.kind === 'session-lost' ? lost : FAULT_OF[error.kind]
      const hint = code === 'bmc.unreachable' ? { hint: UNREACHABLE } : {}
      throw new FaultError(code, `BMC ${context.driverInfo.ipmi_address}: ${error.message}`, { cause: error, ...hint })
    }
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
      throw new FaultError(
        'bmc.unreachable',
        `the name ${context.driverInfo.ipmi_address} cannot be resolved (${code})`,
        { cause: error, hint: UNREACHABLE },
      )
    }
    throw error
  }
}
