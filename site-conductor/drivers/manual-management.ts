// The driver for machines whose power nobody but a person can switch (Ironic's manual-management), or their agent, while one runs. Deployment is over
// the network, as with any machine; a step that switches on asks for it on the timeline, and the agent is awaited.
import { z } from 'zod'
import { noopDeploy } from '../deploy/noop.ts'
import { defineDriver, type Implementation, type StepContext, type StepResult } from '../driver.ts'
import { agentPower } from './agent/power.ts'
import { baseInterfaces } from './base.ts'
import { commonInfo } from './common-info.ts'
import { noopManagement, setBootDeviceBy } from './noop-management.ts'

const info = z.looseObject({ ...commonInfo })
type Info = z.output<typeof info>

type Power = 'power on' | 'power off'

/** Node → what a person was asked for last, or an agent has done, by this process: nothing else is known of the power of such a machine. */
const asked = new Map<string, Power>()
/** The same, each change in its order. */
export const askedOf = new Map<string, Power[]>()

function ask(context: StepContext<Info>, power: Power): StepResult {
  context.signal.throwIfAborted()
  context.before()
  const { node } = context.node
  if (asked.get(node) !== power) {
    asked.set(node, power)
    askedOf.set(node, [...(askedOf.get(node) ?? []), power])
    context.note('power.by_hand', { wanted: power })
  }
  return { facts: { power_state: power } }
}

const power: Implementation<Info> = {
  steps: {
    async verify({ signal }) {
      signal.throwIfAborted()
    },
    power_on: async (context) => ask(context, 'power on'),
    power_off: async (context) => ask(context, 'power off'),
    reset: async (context) => {
      const before = asked.get(context.node.node)
      const result = ask(context, 'power on')
      if (before === 'power on') context.note('power.by_hand', { wanted: 'reset' })
      return result
    },
    soft_power_off: async (context) => ask(context, 'power off'),
  },
  /** null: nothing is known, and nothing is concluded from that. */
  methods: { get_power_state: async ({ node }) => asked.get(node.node) ?? null },
}

/** Whoever switches the machine on sees to it that it boots from there, too. */
const { noop } = noopManagement<Info>((context, wanted) => context.note('boot_device.by_hand', { wanted }))

const base = baseInterfaces<Info>({ setBootDevice: setBootDeviceBy({ noop }) })

export default defineDriver({
  name: 'manual-management',
  about: 'Machines whose power a person switches, deployed by an agent that is booted over the network',
  info,
  secrets: [],
  interfaces: {
    ...base,
    deploy: { ...base.deploy, ...noopDeploy<Info>() },
    power: { agent: agentPower(power, (node, state) => void asked.set(node, state)), fake: power },
    management: { noop, fake: noop },
  },
})
