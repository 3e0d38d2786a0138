// The clock of a BMC: DateTime and DateTimeLocalOffset of the manager of a system (DSP0268: Manager; DSP0266 §9.5.7: dates and times).
import { z } from 'zod'
import { RedfishError } from './errors.ts'
import type { Changing, Reading } from './requests.ts'
import type { Session } from './session.ts'
import type { ComputerSystem } from './system.ts'

const Manager = z.object({ DateTime: z.string().nullish(), DateTimeLocalOffset: z.string().nullish() })

export interface BmcClock {
  /** Milliseconds since 1970; BMCs mostly tell whole seconds. */
  readonly atMs: number
  /** ±hh:mm, where the BMC tells one. */
  readonly offset: string | undefined
}

const OFFSET = /^[+-]\d{2}:\d{2}$/

function managerPath(session: Session, system: ComputerSystem): string {
  const link = system.Links?.ManagedBy?.[0]
  if (!link) throw new RedfishError('missing', 'the BMC names no manager of the system')
  return session.path(link['@odata.id'])
}

export async function getClock(session: Session, system: ComputerSystem, options: Reading): Promise<BmcClock> {
  const { value } = await session.get(managerPath(session, system), Manager, options)
  return clockOf(value)
}

function clockOf({ DateTime: text, DateTimeLocalOffset: offset }: z.output<typeof Manager>): BmcClock {
  const atMs = Date.parse(text ?? '')
  if (!Number.isFinite(atMs)) throw new RedfishError('missing', 'the BMC does not show what time it has')
  return { atMs, offset: OFFSET.test(offset ?? '') ? offset! : undefined }
}

/**
 * Sets the time, told in the BMC's own offset. That one is sent only where another is wanted: some BMCs refuse all of a change that has it (Dell iDRAC 9:
 * PropertyNotWritable).
 */
export async function setClock(
  session: Session,
  system: ComputerSystem,
  wanted: { readonly atMs: number; readonly offset?: string | undefined },
  options: Changing,
): Promise<void> {
  const change = (value: z.output<typeof Manager>) => {
    const { offset: now = '+00:00' } = clockOf(value)
    const { atMs, offset = now } = wanted
    return { DateTime: timeText(atMs, offset), ...(offset !== now && { DateTimeLocalOffset: offset }) }
  }
  await session.patch(managerPath(session, system), Manager, change, options)
}

/** 2026-11-26T07:03:10+01:00, in whole seconds. */
export function timeText(atMs: number, offset: string): string {
  const [, sign, hours, minutes] = /^([+-])(\d{2}):(\d{2})$/.exec(offset) ?? []
  const offsetMs = (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000
  return `${new Date(atMs + offsetMs).toISOString().slice(0, 19)}${offset}`
}
