// The machines of the driver fake-hardware: objects in memory, shared by all conductors of this process, as hardware is. And the step that works on
// one: it takes its time, fails when it is told to, and acts behind the last-moment check.
import { z } from 'zod'
import { FAULTS, type FaultCode, FaultError } from '../../../shared/faults.ts'
import type { Context, StepContext, StepResult } from '../../driver.ts'
import { sleep } from '../../timing.ts'
import { commonInfo } from '../common-info.ts'

const delay = z.coerce.number().int().min(0).max(600_000)

export const info = z.looseObject({
  ...commonInfo,
  fake_delay_ms: delay.default(0).describe('How long each step takes, in ms'),
  fake_delays: z
    .record(z.string(), z.union([delay, z.tuple([delay, delay])]))
    .default({})
    .describe('The same by interface, in ms or as [least, most]: {"deploy": 500, "power": [100, 900]}'),
  fake_fail: z
    .record(z.string(), z.enum(Object.keys(FAULTS) as [FaultCode, ...FaultCode[]]))
    .default({})
    .describe('Steps that fail and how: {"deploy.write_image": "image.digest"}'),
  fake_agent_steps: z
    .array(z.string())
    .default([])
    .describe("Deploy steps that its ramdisk has beside the driver's, for deploy interface custom-agent"),
  fake_health: z
    .enum(['OK', 'Warning', 'Critical'])
    .default('OK')
    .describe('What is said of its health, which the node shows'),
  fake_password: z.string().optional().describe('A secret that nothing needs'),
})
export type Info = z.output<typeof info>

export type Power = 'power on' | 'power off'
export type Args = Readonly<Record<string, unknown>>

/** A machine that is not there. */
export interface Machine {
  power: Power
  bootDevice: { boot_device: string; persistent: boolean }
  bootMode: 'uefi' | 'bios'
  secureBoot: boolean
  disk?: string
  bios: Map<string, string>
  firmware: Map<string, { initial: string; current: string; flashed?: string }>
  raid: readonly Record<string, unknown>[]
  indicators: Map<string, string>
  /** Device → image. */
  media: Map<string, string>
  console: boolean
  rescued: boolean
  /** Each change of power, in order: what a test counts. */
  readonly changes: (Power | 'reset')[]
  /** Everything that was done to it, as a BMC's log would have it. */
  readonly log: string[]
  /** Of the steps that may change something now: as at a BMC, each step has its own, and its name is enough to close it. */
  readonly sessions: Set<string>
}

export const FACTORY_BIOS: Readonly<Record<string, string>> = {
  BootMode: 'Uefi',
  ProcVirtualization: 'Enabled',
  SriovGlobalEnable: 'Disabled',
}

const machines = new Map<string, Machine>()

/** The machine behind a node. */
export function fakeMachine(node: string): Machine {
  let machine = machines.get(node)
  if (machine === undefined) {
    machine = {
      power: 'power off',
      bootDevice: { boot_device: 'disk', persistent: true },
      bootMode: 'uefi',
      secureBoot: false,
      bios: new Map(Object.entries(FACTORY_BIOS)),
      firmware: new Map([
        ['bios', { initial: '1.0.0', current: '1.0.0' }],
        ['bmc', { initial: '2.4.0', current: '2.4.0' }],
      ]),
      raid: [],
      indicators: new Map([
        ['led-0@chassis', 'on'],
        ['led@system', 'on'],
      ]),
      media: new Map(),
      console: false,
      rescued: false,
      changes: [],
      log: [],
      sessions: new Set(),
    }
    machines.set(node, machine)
  }
  return machine
}

type Step = (context: StepContext<Info>) => Promise<StepResult | void>
type Act = (machine: Machine, context: StepContext<Info>) => Promise<StepResult | void> | StepResult | void

export function step(name: `${string}.${string}`, act: Act): Step {
  return async (context) => {
    await sleep(context.env, delayOf(name, context), context.signal)
    const code = context.driverInfo.fake_fail[name]
    if (code !== undefined) throw new FaultError(code, `${name} failed because driver_info.fake_fail says so`)
    context.before()
    const machine = fakeMachine(context.node.node)
    const { fence } = context
    if (fence?.session !== undefined && !machine.sessions.has(fence.session))
      throw new FaultError('bmc.session_lost', 'somebody else closed the session of this step')
    return await act(machine, context)
  }
}

/** A method that changes something: behind the last-moment check, too. */
export function method(act: (machine: Machine, args: Args) => unknown) {
  return async ({ node, before }: Context<Info>, args: Args): Promise<unknown> => {
    before()
    return act(fakeMachine(node.node), args)
  }
}

/** A method that only looks. */
export function look(act: (machine: Machine, args: Args) => unknown) {
  return async ({ node }: Context<Info>, args: Args): Promise<unknown> => act(fakeMachine(node.node), args)
}

export function refuse(message: string): never {
  throw new FaultError('request.invalid', message)
}

function delayOf(name: string, { driverInfo, env }: StepContext<Info>): number {
  const given = driverInfo.fake_delays[name.split('.')[0]!] ?? driverInfo.fake_delay_ms
  if (typeof given === 'number') return given
  const [least, most] = given
  return least + Math.floor(((most - least) * env.random(1)[0]!) / 256)
}
