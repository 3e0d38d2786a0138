// How the steps of this driver reach a BMC: through the conductor's session pool, with errors as faults that say what to do next.
import { FaultError, type FaultCode } from '../../../shared/faults.ts'
import type { Context } from '../../driver.ts'
import { IpmiError, type IpmiErrorKind } from '../../ipmi/errors.ts'
import { openPool, type Pool, type ReadOptions } from '../../ipmi/pool.ts'
import type { RequestOptions } from '../../ipmi/request.ts'
import type { Session } from '../../ipmi/session.ts'
import { bmcOf, type IpmiInfo } from './info.ts'

export type IpmiContext = Context<IpmiInfo>

const FAULT_OF: Record<Exclude<IpmiErrorKind, 'aborted'>, FaultCode> = {
  timeout: 'bmc.unreachable',
  'session-lost': 'bmc.unreachable',
  authentication: 'bmc.authentication',
  privilege: 'bmc.privilege',
  cipher: 'bmc.cipher',
  busy: 'bmc.refused',
  completion: 'bmc.refused',
  protocol: 'bmc.refused',
  closed: 'unavailable',
  argument: 'driver.invalid_info',
}

/** Reads in a shared session of the lowest privilege that will do, so that a stale reader cannot act. */
export async function read<Value>(
  context: IpmiContext,
  use: (session: Session, options: RequestOptions) => Promise<Value>,
  privilege: ReadOptions['privilege'] = 'user',
): Promise<Value> {
  const { signal } = context
  return await asFaults(context, (pool) =>
    pool.read(bmcOf(context.driverInfo), (session) => use(session, { signal }), { privilege, signal }),
  )
}

/** Changes something: alone among this BMC's mutations, each packet behind the last-moment check. */
export async function mutate<Value>(
  context: IpmiContext,
  use: (session: Session, options: RequestOptions) => Promise<Value>,
): Promise<Value> {
  const { signal, before } = context
  return await asFaults(context, (pool) => {
    return pool.mutate(bmcOf(context.driverInfo), (session) => use(session, { signal, before }), {
      privilege: 'operator',
      signal,
    })
  })
}

async function asFaults<Value>(context: IpmiContext, use: (pool: Pool) => Promise<Value>): Promise<Value> {
  try {
    return await use(context.site.resource(openPool))
  } catch (error) {
    if (error instanceof IpmiError) {
      if (error.kind === 'aborted') throw context.signal.aborted ? context.signal.reason : error
      throw new FaultError(FAULT_OF[error.kind], `BMC ${context.driverInfo.ipmi_address}: ${error.message}`, {
        cause: error,
      })
    }
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
      throw new FaultError(
        'bmc.unreachable',
        `the name ${context.driverInfo.ipmi_address} cannot be resolved (${code})`,
        { cause: error },
      )
    }
    throw error
  }
}
