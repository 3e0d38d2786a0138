// What a conductor is cut off in the middle of: each kind of action, what its machine is made ready by, and what must come of it.
import { expect, vi } from 'vitest'
import { CORE_DEPLOY, PLANS, POWER_PLANS, type PowerTarget, type TaskKind } from '../../cloud/plans.ts'
import type { Step } from '../../shared/protocol.ts'
import type { Changes } from '../../sim/kills/judge.ts'
import { lookAtDisk } from '../../sim/disk.ts'
import { imageDigest, imageDigestOn, makeImage } from '../../sim/image.ts'
import { fakeMachine } from '../../site-conductor/drivers/fake/machine.ts'
import type { Story } from '../story.ts'
import type { Subject } from './subject.ts'

export const IMAGE_BYTES = 3 * 2 ** 20
const IMAGE = makeImage(IMAGE_BYTES)

export type Driver = 'ipmi' | 'redfish' | 'fake-hardware'

/** A request, and where the node rests when it has been carried out. */
interface Request {
  ask(story: Story, each: Subject): Promise<unknown>
  readonly state: string
  readonly power?: 'power on' | 'power off'
}

export interface Action {
  readonly name: string
  /** Of its task. */
  readonly kind: TaskKind
  /** Of its task, in order; a step of a chosen list is among them. */
  readonly steps: readonly Pick<Step, 'interface' | 'step'>[]
  readonly from: readonly Request[]
  readonly request: Request
  /** Of the power, when nothing is lost. */
  readonly changes: Changes
  /** What a BMC is told beside on and off. */
  readonly told?: readonly string[]
  /** Frames of its task: accepted and result; intent, proceed, started and finished of each step; that one waits and goes on; what is kept. */
  readonly frames: number
  /** It is cut before every so many of them; the last is among them. */
  readonly every: Readonly<Record<Driver, number>>
  /** How the machine is. */
  look?(each: Subject, what: string): Promise<void>
}

const framesOf = (of: { readonly steps: number; readonly waits?: number; readonly kept?: number }) =>
  2 + 4 * of.steps + 2 * (of.waits ?? 0) + (of.kept ?? 0)
/** Kept of an agent: tokens, the script that was fetched, the token that was shown, the first call. */
const AGENT = 4
const ALL = { ipmi: 1, redfish: 1, 'fake-hardware': 1 }
const SHORT = { ...ALL, redfish: 2 }
const BOOTED: Changes = ['power on', 'power off']

const provision =
  (target: string, more: Record<string, unknown> = {}) =>
  ({ api }: Story, { node }: Subject) =>
    api.provision(node, target, more)
const power =
  (target: PowerTarget) =>
  ({ api }: Story, { node }: Subject) =>
    api.call('PUT', `/nodes/${node}/states/power`, { target })

const MANAGED: readonly Request[] = [{ ask: provision('manage'), state: 'manageable', power: 'power off' }]
const RUNNING: readonly Request[] = [...MANAGED, { ask: power('power on'), state: 'manageable', power: 'power on' }]
const AVAILABLE: readonly Request[] = [...MANAGED, { ask: provision('provide'), state: 'available' }]
const ADOPTED: readonly Request[] = [...RUNNING, { ask: provision('adopt'), state: 'active', power: 'power on' }]

const deploy: Action = {
  name: 'deploy',
  kind: 'deploy',
  steps: PLANS.deploy,
  from: AVAILABLE,
  request: {
    ask: async ({ api, site }, { node, name }) => {
      await api.patchNode(node, { instance_info: site.instanceInfo() })
      const configdrive = { meta_data: { hostname: name }, user_data: '#!/bin/sh\necho hello' }
      await api.provision(node, 'active', { configdrive })
    },
    state: 'active',
    power: 'power on',
  },
  changes: [...BOOTED, 'power on'],
  frames: framesOf({ steps: PLANS.deploy.length, waits: 1, kept: AGENT }),
  every: { ...ALL, redfish: 9 },
  async look({ name, disk }, what) {
    expect(await imageDigestOn(disk!.path, IMAGE_BYTES), what).toBe(imageDigest(IMAGE.bytes))
    expect(await lookAtDisk(disk!.path), what).toMatchObject({
      partitions: [expect.stringContaining('1 '), expect.stringContaining('2 ')],
      config: { metaData: { hostname: name }, userData: expect.stringContaining('echo hello') },
    })
  },
}

const networkInstance: Action = {
  name: 'deploy of an instance that is booted over the network',
  kind: 'deploy',
  steps: CORE_DEPLOY.boot_from_network.is,
  from: AVAILABLE,
  request: {
    ask: async ({ api, site }, { node }) => {
      const { url } = site.image
      await api.patchNode(node, { instance_info: { kernel: url, ramdisk: url } })
      await api.provision(node, 'active')
    },
    state: 'active',
    power: 'power on',
  },
  changes: ['power on'],
  frames: framesOf({ steps: CORE_DEPLOY.boot_from_network.is.length }),
  every: { ...ALL, ipmi: 2, redfish: 4 },
  async look({ last }, what) {
    await vi.waitFor(() => expect(last!(), what).toBe('os up'), { timeout: 20_000 })
  },
}

const cleaning: Action = {
  name: 'automated cleaning',
  kind: 'clean',
  steps: PLANS.clean,
  from: MANAGED,
  request: {
    ask: async ({ api }, { node }) => {
      await api.patchNode(node, { automated_clean: true })
      await api.provision(node, 'provide')
    },
    state: 'available',
    power: 'power off',
  },
  changes: BOOTED,
  frames: framesOf({ steps: PLANS.clean.length, waits: 2, kept: AGENT }),
  every: { ...ALL, ipmi: 5, redfish: 9 },
}

const chosen: Action = {
  ...cleaning,
  name: 'manual cleaning',
  steps: [...PLANS.clean, { interface: 'deploy', step: 'erase_devices_metadata' }],
  request: {
    ask: provision('clean', {
      clean_steps: [1, 2].map(() => ({ interface: 'deploy', step: 'erase_devices_metadata' })),
    }),
    state: 'manageable',
    power: 'power off',
  },
  frames: framesOf({ steps: PLANS.clean.length + 1, waits: 3, kept: AGENT }),
}

const tearDown: Action = {
  name: 'tear-down',
  kind: 'tear-down',
  steps: PLANS['tear-down'],
  from: ADOPTED,
  request: { ask: provision('deleted'), state: 'available', power: 'power off' },
  changes: ['power off'],
  frames: framesOf({ steps: PLANS['tear-down'].length }),
  every: SHORT,
}

const inspection: Action = {
  name: 'inspection',
  kind: 'inspect',
  steps: PLANS.inspect,
  from: MANAGED,
  request: { ask: provision('inspect'), state: 'manageable', power: 'power off' },
  changes: [],
  frames: framesOf({ steps: PLANS.inspect.length, waits: 1 }),
  every: SHORT,
}

const rescue: Action = {
  name: 'rescue',
  kind: 'rescue',
  steps: PLANS.rescue,
  from: ADOPTED,
  request: { ask: provision('rescue', { rescue_password: 'swordfish' }), state: 'rescue', power: 'power on' },
  changes: ['power off', 'power on'],
  frames: framesOf({ steps: PLANS.rescue.length, waits: 1 }),
  every: ALL,
  look: async ({ node }, what) => expect(fakeMachine(node).rescued, what).toBe(true),
}

const unrescue: Action = {
  name: 'unrescue',
  kind: 'unrescue',
  steps: PLANS.unrescue,
  from: [...ADOPTED, rescue.request],
  request: { ask: provision('unrescue'), state: 'active', power: 'power on' },
  changes: ['power off', 'power on'],
  frames: framesOf({ steps: PLANS.unrescue.length }),
  every: ALL,
  look: async ({ node }, what) =>
    expect(fakeMachine(node), what).toMatchObject({ rescued: false, bootDevice: { boot_device: 'disk' } }),
}

const switching = (target: PowerTarget, from: readonly Request[], changes: Changes): Action => ({
  name: target,
  kind: 'power',
  steps: POWER_PLANS[target].steps,
  from,
  request: { ask: power(target), state: 'manageable', power: POWER_PLANS[target].after },
  changes,
  told: target.startsWith('soft') ? ['soft', 'GracefulShutdown'] : [],
  frames: framesOf({ steps: POWER_PLANS[target].steps.length }),
  every: SHORT,
})

const OF_ALL: readonly Action[] = [
  ...[deploy, networkInstance, cleaning, chosen, tearDown],
  switching('power on', MANAGED, ['power on']),
  switching('power off', RUNNING, ['power off']),
  switching('soft power off', RUNNING, ['power off']),
  switching('rebooting', RUNNING, ['power off', 'power on']),
  switching('soft rebooting', RUNNING, ['power off', 'power on']),
]

/** What no BMC and no agent of ours does is done by fake hardware. */
export const ACTIONS: Readonly<Record<Driver, readonly Action[]>> = {
  ipmi: OF_ALL,
  redfish: [...OF_ALL, inspection],
  'fake-hardware': [rescue, unrescue, inspection],
}
