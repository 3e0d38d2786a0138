// The clock of the BMC, set on request or looked at whenever a machine is verified: certificates and logs depend on it.
import { FaultError } from '../../../shared/faults.ts'
import type { StepContext } from '../../driver.ts'
import { checkedArguments } from '../checked-arguments.ts'
import { type BmcClock, getClock, setClock, timeText } from '../../redfish/clock.ts'
import { mutate, read, systemOf } from './bmc.ts'
import type { RedfishInfo } from './info.ts'

/** As far as a clock may be off, and what is lost where it tells whole seconds only. */
const TOLERANCE_MS = 1_000 + 1_000

type Context = StepContext<RedfishInfo>

const look = (context: Context): Promise<BmcClock> =>
  read(context, async (session, options) =>
    getClock(session, (await systemOf(context, session, options)).value, options),
  )

/** How far the BMC is from `wantedMs`, which goes on with the conductor's clock; what the question took counts for it. */
async function differenceMs(context: Context, wantedMs: () => number): Promise<{ ms: number; clock: BmcClock }> {
  const before = wantedMs()
  const clock = await look(context)
  const { atMs } = clock
  return { ms: Math.max(before - atMs, atMs - wantedMs(), 0), clock }
}

/** `wantedMs`: asked for when the request is made, for fencing and reading take their time. */
async function set(context: Context, wantedMs: () => number, offset?: string): Promise<void> {
  await mutate(context, async (session, options) => {
    const { value: system } = await systemOf(context, session, options)
    await setClock(session, system, { atMs: wantedMs(), offset }, options)
  })
  const { ms, clock } = await differenceMs(context, wantedMs)
  const isOff = offset !== undefined && clock.offset !== offset
  if (ms <= TOLERANCE_MS && !isOff) return
  throw new FaultError(
    'bmc.refused',
    `the BMC was told what time it is, and has ${timeText(clock.atMs, clock.offset ?? '+00:00')} all the same`,
    { hint: 'where the BMC has its time from elsewhere (NTP), leave it to that' },
  )
}

/** A time of one's own goes on from when the step began. */
export async function setBmcClock(context: Context): Promise<void> {
  const { target_datetime: target, datetime_local_offset: offset } = checkedArguments<{
    target_datetime?: string
    datetime_local_offset?: string
  }>(context, 'management.set_bmc_clock')
  const { env } = context
  const began = env.mono()
  const wantedMs = target === undefined ? () => env.now() : () => Date.parse(target) + Math.round(env.mono() - began)
  await set(context, wantedMs, offset)
}

export async function verifyBmcClock(context: Context): Promise<void> {
  const now = () => context.env.now()
  // A clock that is right is still not for everybody to find out this way.
  context.before()
  const { ms } = await differenceMs(context, now)
  if (ms <= TOLERANCE_MS) return
  await set(context, now)
  context.note('bmc.clock_set', { off_ms: ms })
}
