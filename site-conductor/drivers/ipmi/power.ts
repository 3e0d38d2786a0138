// Power by IPMI: read, act, then look until it is so. 1. Only on, off and soft; a cycle is off, seen off, on (ownership.md, rule 7). A machine that
// may not be off is reset instead, once (docs/adr/0015).
// 2. A machine that is already as wanted gets no command.
import { FaultError } from '../../../shared/faults.ts'
import type { Implementation, StepContext, StepResult } from '../../driver.ts'
import { type ChassisAction, controlChassis } from '../../ipmi/commands/chassis-control.ts'
import { getChassisStatus } from '../../ipmi/commands/chassis-status.ts'
import { getDeviceId } from '../../ipmi/commands/device-id.ts'
import { manufacturerName } from '../../ipmi/manufacturers.ts'
import { sleep } from '../../timing.ts'
import { type IpmiContext, mutate, read } from './bmc.ts'
import { assertBootDevice } from './boot-device.ts'
import { afterStart } from './boot-memory.ts'
import { resetOnce } from '../reset-once.ts'
import { factsOf } from '../fence.ts'
import { fenceAbility } from './fence.ts'
import type { IpmiInfo } from './info.ts'

const SWITCH_TIMEOUT_MS = 60_000
/** An operating system may take minutes to stop; Ironic waits 600 s. The step's own limit is longer than this. */
const SOFT_TIMEOUT_MS = 9 * 60_000
const FIRST_LOOK_MS = 250
const LONGEST_PAUSE_MS = 8_000

type Power = 'on' | 'off'

async function powerOf(context: IpmiContext): Promise<Power> {
  return (await read(context, getChassisStatus)).power
}

export async function getPowerState(context: IpmiContext): Promise<`power ${Power}`> {
  return `power ${await powerOf(context)}`
}

async function bring(
  context: IpmiContext,
  wanted: Power,
  action: 'on' | 'off' | 'soft',
  timeoutMs: number,
): Promise<StepResult> {
  if ((await powerOf(context)) !== wanted) {
    await mutate(context, (session, options) => controlChassis(session, action, options))
    await seen(context, wanted, action, timeoutMs)
  }
  return { facts: { power_state: `power ${wanted}` } }
}

/** With ipmi_force_boot_device each start is told what to boot; one that has been already is not told again. */
async function switchOn(context: StepContext<IpmiInfo>): Promise<StepResult> {
  if (!context.driverInfo.ipmi_force_boot_device) return await bring(context, 'on', 'on', SWITCH_TIMEOUT_MS)
  if ((await powerOf(context)) === 'off') await assertBootDevice(context)
  return withMemory(context, await bring(context, 'on', 'on', SWITCH_TIMEOUT_MS))
}

function withMemory(context: StepContext<IpmiInfo>, { facts }: StepResult): StepResult {
  const memory = afterStart(context)
  return { ...memory, facts: { ...memory.facts, ...facts } }
}

async function seen(context: IpmiContext, wanted: Power, action: ChassisAction, timeoutMs: number): Promise<void> {
  const { env, signal } = context
  const until = env.mono() + timeoutMs
  for (
    let pauseMs = FIRST_LOOK_MS;
    (await powerOf(context)) !== wanted;
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
  ) {
    const leftMs = until - env.mono()
    if (leftMs <= 0) {
      throw new FaultError(
        'power.timeout',
        `the BMC accepted "${action}", but the machine was not ${wanted} after ${timeoutMs / 1000} s`,
      )
    }
    await sleep(env, Math.min(pauseMs, leftMs), signal)
  }
}

async function reset(context: StepContext<IpmiInfo>): Promise<StepResult> {
  return await resetOnce(context, {
    isOff: (await powerOf(context)) === 'off',
    switchOn: () => switchOn(context),
    async reset() {
      await assertBootDevice(context)
      await mutate(context, (session, options) => controlChassis(session, 'reset', options))
      await seen(context, 'on', 'reset', SWITCH_TIMEOUT_MS)
      return withMemory(context, { facts: { power_state: 'power on' } })
    },
  })
}

export const ipmiPower: Implementation<IpmiInfo> = {
  steps: {
    /** Can we log in, may we act, can a successor shut us out, and who made it? Asks for a session of the privilege that a mutation needs. */
    async verify(context) {
      const { manufacturer } = await read(context, getDeviceId, 'operator')
      const ability = await fenceAbility(context)
      context.note('bmc.verified', { manufacturer, ...ability })
      const power_state = `power ${await powerOf(context)}`
      const vendor = context.node.properties['vendor'] ? undefined : manufacturerName(manufacturer)
      return { facts: { power_state, ...(vendor !== undefined && { properties: { vendor } }), ...factsOf(ability) } }
    },
    power_on: switchOn,
    power_off: (context) => bring(context, 'off', 'off', SWITCH_TIMEOUT_MS),
    reset,
    soft_power_off: (context) => bring(context, 'off', 'soft', SOFT_TIMEOUT_MS),
  },
  methods: {
    get_power_state: getPowerState,
  },
}
