// A machine behind a simulated Redfish BMC for each test, and the driver's steps and methods to be called on it.
import { afterEach, beforeEach } from 'vitest'
import { type RunningRedfish, startRedfishBmc, type StartRedfishOptions } from '../../../../sim/bmc/redfish/start.ts'
import { type Fault, toFault } from '../../../../shared/faults.ts'
import { type FakeContext, fakeContext } from '../../../testing/fake-context.ts'
import { fakeGrant } from '../../../testing/fake-hub.ts'
import driver from '../../redfish.ts'

export type Kind = 'management' | 'bios' | 'raid' | 'firmware' | 'inspect' | 'vendor'
type Args = Record<string, unknown>

export const implementation = (kind: Kind) => driver.interfaces[kind]!['redfish']!
export const refusal = (work: Promise<unknown>): Promise<Fault | undefined> => work.then(() => undefined, toFault)

export interface Asked {
  readonly info?: Args
  readonly properties?: Args
}

export class Rig {
  bmc!: RunningRedfish
  #contexts: FakeContext[] = []

  constructor(options: StartRedfishOptions = {}) {
    beforeEach(() => this.start(options))
    afterEach(() => this.stop())
  }

  async start(options: StartRedfishOptions): Promise<void> {
    this.bmc = await startRedfishBmc(options)
  }

  async stop(): Promise<void> {
    await this.closeAll()
    await this.bmc.close()
  }

  /** All conductors are gone. */
  async closeAll(): Promise<void> {
    await Promise.all(this.#contexts.splice(0).map((context) => context.close()))
  }

  /** driver_info of whoever may do everything. */
  login(): Args {
    return { redfish_address: this.bmc.url, redfish_username: 'admin', redfish_password: 'secret' }
  }

  /** Of a conductor of its own; `kept`: what an earlier step has left. */
  async made(args: Args = {}, kept: Args = {}, { info = {}, properties = {} }: Asked = {}): Promise<FakeContext> {
    const node = fakeGrant('n', { driver: 'redfish', driverInfo: { ...this.login(), ...info }, properties })
    const context = await fakeContext(driver, { node, args, context: kept })
    this.#contexts.push(context)
    return context
  }

  async step(kind: Kind, name: string, args: Args = {}, kept: Args = {}) {
    const context = await this.made(args, kept)
    const result = await this.stepOf(kind, name, context)
    return { context, facts: (result?.facts ?? {}) as Record<string, unknown> }
  }

  async stepOf(kind: Kind, name: string, context: FakeContext) {
    return await implementation(kind).steps![name]!(context)
  }

  async call(kind: Kind, name: string, args: Args = {}): Promise<unknown> {
    return await implementation(kind).methods![name]!(await this.made(), args)
  }

  startAgain(): void {
    this.bmc.machine.chassis.control('off')
    this.bmc.machine.chassis.control('on')
  }

  /** What the BMC was told, logins aside. */
  changes() {
    return this.bmc.log.entries.filter(({ what }) => !what.includes('Session'))
  }
}
