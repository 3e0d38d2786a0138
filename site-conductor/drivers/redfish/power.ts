// Power by Redfish: read, act, then look until it is so. 1. Only On, ForceOff and GracefulShutdown; a cycle is off, seen off, on (ownership.md, rule 7).
// A machine that may not be off is reset instead, once (docs/adr/0015).
// 2. A machine that is already as wanted, or on its way there, gets no command. 3. A command whose answer was lost is not sent again: where a successor
// could not shut it out, it is looked for.
import { FaultError } from '../../../shared/faults.ts'
import type { Implementation, StepContext, StepResult } from '../../driver.ts'
import { RedfishError } from '../../redfish/errors.ts'
import { type ComputerSystem, resetSystem } from '../../redfish/system.ts'
import { sleep } from '../../timing.ts'
import { resetOnce } from '../reset-once.ts'
import { biosFacts } from './bios.ts'
import { isFenced, mutate, read, type RedfishContext, systemOf } from './bmc.ts'
import { getBootMode } from './boot-device.ts'
import { factsOf } from '../fence.ts'
import { fenceAbility } from './fence.ts'
import { firmwareFacts } from './firmware.ts'
import type { RedfishInfo } from './info.ts'
import { getSecureBootState } from './management.ts'

const SWITCH_TIMEOUT_MS = 120_000
/** An operating system may take minutes to stop; Ironic waits 600 s. The step's own limit is longer than this. */
const SOFT_TIMEOUT_MS = 9 * 60_000
const FIRST_LOOK_MS = 50
const LONGEST_PAUSE_MS = 8_000
/** A machine that is still going down refuses to be switched on, for a while (Ironic has seen it, and asks six times). */
const CONFLICTS = 6

type Power = 'On' | 'Off'

async function readSystem(context: RedfishContext): Promise<ComputerSystem> {
  return (await read(context, (session, options) => systemOf(context, session, options))).value
}

/** As the BMC has it, `PoweringOn` and the like included. */
async function powerState(context: RedfishContext): Promise<string> {
  return (await readSystem(context)).PowerState ?? ''
}

/** The machine's own word, or that for the worst of its parts, where the BMC sums them up. */
function healthOf({ Status: status }: ComputerSystem): 'OK' | 'Warning' | 'Critical' | null {
  return status?.HealthRollup ?? status?.Health ?? null
}

function powerOf({ PowerState: state }: ComputerSystem): 'power on' | 'power off' | null {
  if (state === 'On' || state === 'PoweringOn') return 'power on'
  return state === 'Off' || state === 'PoweringOff' ? 'power off' : null
}

/** The answer that has the power has the health, too. */
export async function getPowerState(context: RedfishContext): Promise<'power on' | 'power off' | null> {
  const system = await readSystem(context)
  context.tell?.({ health: healthOf(system) })
  return powerOf(system)
}

type Command = 'On' | 'ForceOff' | 'GracefulShutdown' | 'ForceRestart'

/** False: the machine is between two states, and takes no command now. */
async function tell(context: RedfishContext, type: Command): Promise<boolean> {
  return await mutate(context, async (session, options) => {
    try {
      await resetSystem(session, await systemOf(context, session, options), type, options)
      return true
    } catch (error) {
      if (!(error instanceof RedfishError)) throw error
      if (error.kind === 'unanswered' && !isFenced(context)) return true
      if (error.kind === 'refused' && (error.status === 409 || error.status === 400)) {
        context.note('power.conflict', { wanted: type, why: error.message })
        return false
      }
      throw error
    }
  })
}

/** Between two states a machine takes no command, but one to force it off. */
function isOnTheWay(state: string, type: Command): boolean {
  return type === 'ForceOff' ? false : state.startsWith('Powering')
}

async function bring(context: RedfishContext, wanted: Power, type: Command, timeoutMs: number): Promise<StepResult> {
  const { env, signal } = context
  const until = env.mono() + timeoutMs
  let told = false
  let conflicts = 0
  for (let pauseMs = FIRST_LOOK_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    const state = await powerState(context)
    if (state === wanted && (told || type !== 'ForceRestart'))
      return { facts: { power_state: `power ${wanted.toLowerCase()}` } }
    if (!told && !isOnTheWay(state, type)) {
      told = await tell(context, type)
      if (!told && ++conflicts === CONFLICTS)
        throw new FaultError('bmc.refused', `the BMC refused "${type}" ${CONFLICTS} times; the power is ${state}`)
    }
    const leftMs = until - env.mono()
    if (leftMs <= 0) {
      const did = told ? `the BMC accepted "${type}"` : `"${type}" could not be sent`
      throw new FaultError('power.timeout', `${did}, but the machine was ${state} after ${timeoutMs / 1000} s`)
    }
    await sleep(env, Math.min(pauseMs, leftMs), signal)
  }
}

async function reset(context: StepContext<RedfishInfo>): Promise<StepResult> {
  return await resetOnce(context, {
    isOff: (await powerState(context)) === 'Off',
    switchOn: () => bring(context, 'On', 'On', SWITCH_TIMEOUT_MS),
    reset: () => bring(context, 'On', 'ForceRestart', SWITCH_TIMEOUT_MS),
  })
}

/** What else there is to be known of a machine that is new; what its BMC does not show is left out. */
async function otherFacts(context: StepContext<RedfishInfo>): Promise<Record<string, unknown>> {
  const { interfaces } = context.node
  const asked: (() => Promise<Record<string, unknown>>)[] = [
    async () => ({ boot_mode: await getBootMode(context) }),
    async () => ({ secure_boot: await getSecureBootState(context) }),
    ...(interfaces['bios'] === 'no-bios' ? [] : [() => biosFacts(context)]),
    ...(interfaces['firmware'] === 'no-firmware' ? [] : [() => firmwareFacts(context)]),
  ]
  const found: Record<string, unknown> = {}
  for (const ask of asked) {
    try {
      Object.assign(found, await ask())
    } catch (error) {
      if (!(error instanceof FaultError) || !['driver.unsupported', 'bmc.refused'].includes(error.fault.code))
        throw error
      context.log.info('the BMC does not show everything', { why: error.message })
    }
  }
  return found
}

export const redfishPower: Implementation<RedfishInfo> = {
  steps: {
    /** Can we log in, is there one system that is meant, and can a successor shut us out? */
    async verify(context) {
      const value = await readSystem(context)
      const ability = await fenceAbility(context)
      context.note('bmc.verified', { manufacturer: value.Manufacturer, model: value.Model, ...ability })
      const seen = { power_state: powerOf(value), health: healthOf(value) }
      return { facts: { ...seen, ...(await otherFacts(context)), ...factsOf(ability) } }
    },
    power_on: (context) => bring(context, 'On', 'On', SWITCH_TIMEOUT_MS),
    power_off: (context) => bring(context, 'Off', 'ForceOff', SWITCH_TIMEOUT_MS),
    reset,
    soft_power_off: (context) => bring(context, 'Off', 'GracefulShutdown', SOFT_TIMEOUT_MS),
  },
  methods: {
    get_power_state: getPowerState,
  },
}
