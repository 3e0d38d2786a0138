// Nodes on a Neutron in memory, for unit tests: what a step or method of the network interface gets, and what is in Neutron afterwards.
import { afterEach, beforeEach, expect } from 'vitest'
import { type Env, systemEnv } from '../../../shared/env.ts'
import { type Fault, toFault } from '../../../shared/faults.ts'
import type { Grant } from '../../../shared/protocol.ts'
import type { Implementation, StepResult } from '../../driver.ts'
import fakeHardware from '../../drivers/fake-hardware.ts'
import { type FakeContext, fakeContext } from '../../testing/fake-context.ts'
import { fakeGrant } from '../../testing/fake-hub.ts'
import { OpenStack } from '../../openstack/client.ts'
import { OpenStackConfig } from '../../openstack/config.ts'
import { fakeKeystone, type FakeKeystone } from '../../openstack/fake-keystone.ts'
import { FakeNeutron } from './fake-neutron.ts'
import { neutron } from './neutron.ts'

export const MAC = '52:54:00:00:00:01'
export const LINK = { switch_id: 'aa:bb:cc:00:11:22', port_id: 'Eth1' }
export const SETTINGS = { networks: { provisioning: 'prov', cleaning: 'n-clean' } }
/** Pauses are a thousand times as short. */
export const quick: Env = {
  ...systemEnv,
  setTimer: (ms, run) => systemEnv.setTimer(ms <= 10_000 ? ms / 1000 : ms, run),
}
export const implementation = neutron<unknown>()['neutron'] as Implementation

type Nic = Grant['ports'][number]
export const nic = (more: Partial<NonNullable<Nic['wiring']>> = {}, address = MAC, uuid = 'nic-1'): Nic => ({
  uuid,
  address,
  pxeEnabled: true,
  wiring: { link: LINK, vifs: {}, ...more },
})

export const fails = async (work: Promise<unknown>): Promise<Fault> =>
  await work.then(() => expect.unreachable('it succeeded'), toFault)

export class OnFakeNeutron {
  neutron!: FakeNeutron
  #keystone!: FakeKeystone
  #opened: { close(): Promise<void> }[] = []

  /** In a test file's own scope: a new one for each test. */
  constructor() {
    beforeEach(async () => {
      this.neutron = new FakeNeutron()
      this.#keystone = await fakeKeystone({ network: this.neutron.answer }, { open: true })
    })
    afterEach(async () => {
      await Promise.all(this.#opened.splice(0).map((each) => each.close()))
      await this.#keystone.close()
    })
  }

  readonly context = async (node: Partial<Grant> = {}, settings: object = SETTINGS): Promise<FakeContext> => {
    const endpoints = { network: this.#keystone.urlOf('network') }
    const config = OpenStackConfig.parse({ authType: 'none', endpoints, retries: 1, neutron: settings })
    const openstack = new OpenStack(quick, config)
    this.#opened.push(openstack)
    return { ...(await this.without({ ports: [nic()], ...node }, openstack)), env: quick }
  }

  /** At a conductor that knows of no OpenStack. */
  readonly without = async (node: Partial<Grant> = {}, openstack?: OpenStack): Promise<FakeContext> => {
    const grant = fakeGrant('node-1', { driver: 'fake-hardware', ...node })
    const made = await fakeContext(fakeHardware, { node: grant, ...(openstack && { openstack }) })
    this.#opened.push(made)
    return made
  }

  readonly run = async (step: string, at?: FakeContext): Promise<StepResult> =>
    (await implementation.steps![step]!(at ?? (await this.context()))) ?? {}

  readonly ask = async (method: string, args: Record<string, unknown>, at?: FakeContext): Promise<unknown> =>
    await implementation.methods![method]!(at ?? (await this.context()), args)

  readonly there = (): unknown[] =>
    this.neutron.ports.map(({ id, network_id, mac_address }) => [id, network_id, mac_address])
}
