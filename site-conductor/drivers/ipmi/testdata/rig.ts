// A machine behind a simulated IPMI BMC for each test, and the driver's steps and methods to be called on it.
import { afterEach, beforeEach } from 'vitest'
import { memoryChassis, type MemoryChassis } from '../../../../sim/bmc/chassis.ts'
import { type RunningBmc, startBmc, type StartOptions } from '../../../../sim/bmc/start.ts'
import { type Fault, toFault } from '../../../../shared/faults.ts'
import type { Grant } from '../../../../shared/protocol.ts'
import { type FakeContext, fakeContext } from '../../../testing/fake-context.ts'
import { fakeGrant } from '../../../testing/fake-hub.ts'
import { nodeEnv } from '../../../ipmi/env.ts'
import { openPool } from '../../../ipmi/pool.ts'
import driver from '../../ipmi.ts'

type Kind = 'power' | 'management' | 'vendor' | 'console'
type Args = Record<string, unknown>

const NAMES: Readonly<Record<Kind, string>> = {
  power: 'ipmitool',
  management: 'ipmitool',
  vendor: 'ipmitool',
  console: 'ipmitool-socat',
}
export const implementation = (kind: Kind) => driver.interfaces[kind]![NAMES[kind]]!
export const refusal = (work: Promise<unknown>): Promise<Fault | undefined> => work.then(() => undefined, toFault)

export interface Asked {
  readonly info?: Args
  readonly properties?: Args
  /** What an earlier step has left. */
  readonly kept?: Args
  readonly bootMemory?: Grant['bootMemory']
  /** Waits a fifteenth as long for each answer: about a second for them all, where some are lost. */
  readonly hurries?: boolean
  /** Of a call. */
  readonly tell?: (facts: Args) => void
}

export class Rig {
  bmc!: RunningBmc
  chassis!: MemoryChassis
  readonly #contexts: FakeContext[] = []

  constructor(options: StartOptions = {}) {
    beforeEach(() => this.start(options))
    afterEach(() => this.stop())
  }

  async start(options: StartOptions): Promise<void> {
    this.chassis = memoryChassis()
    this.bmc = await startBmc({ chassis: this.chassis, ...options })
  }

  async stop(): Promise<void> {
    await Promise.all(this.#contexts.splice(0).map((context) => context.close()))
    await this.bmc.close()
  }

  /** driver_info of whoever may do everything. */
  login(): Args {
    const place = { ipmi_address: this.bmc.address, ipmi_port: this.bmc.port }
    return { ...place, ipmi_username: 'admin', ipmi_password: 'secret' }
  }

  /** Of a conductor of its own. */
  async made(args: Args = {}, { info = {}, properties = {}, kept = {}, bootMemory, hurries = false }: Asked = {}): Promise<FakeContext> {
    const driverInfo = { ...this.login(), ...info }
    const node = fakeGrant('n', { driver: 'ipmi', driverInfo, properties, bootMemory })
    const context = await fakeContext(driver, { node, args, context: kept })
    if (hurries) hurry(context)
    this.#contexts.push(context)
    return context
  }

  /** As the runner does it: within a fence where the driver wants one. */
  async step(kind: Kind, name: string, args: Args = {}, asked: Asked = {}) {
    const context = await this.made(args, asked)
    return { context, result: await this.stepIn(context, kind, name) }
  }

  async stepIn(context: FakeContext, kind: Kind, name: string) {
    const isFenced = driver.fencing!.steps.includes(`${kind}.${name}`)
    const fence = isFenced ? await driver.fencing!.open(context, undefined) : undefined
    try {
      return (await implementation(kind).steps![name]!({ ...context, before: context.before, fence })) ?? {}
    } finally {
      await fence?.close()
    }
  }

  async call(kind: Kind, name: string, args: Args = {}, asked: Asked = {}): Promise<unknown> {
    // A person's call is no task.
    const { task: _, ...context } = await this.made({}, asked)
    const { tell = () => {} } = asked
    return await implementation(kind).methods![name]!({ ...context, before: context.before, tell }, args)
  }

  /** What the BMC was told of `command`. */
  told(command: string): string[] {
    return this.bmc.log.of(command).map(({ detail }) => detail)
  }
}

function hurry(context: FakeContext): void {
  const { resource } = context.site
  const { setTimer, ...env } = nodeEnv()
  const hasty = () => openPool({ env: { ...env, setTimer: (run, delayMs) => setTimer(run, delayMs / 15) } })
  context.site.resource = (make) => resource((make as unknown) === openPool ? (hasty as unknown as typeof make) : make)
}
