// Fake hardware behind which there may be a machine all the same. With the boot interface `fake` it is an object in memory. With any other its power
// and boot device are that object's still, but what boots is real: a person, or a test, does by hand what the object's log and the timeline say.
import { FaultError } from '../../../shared/faults.ts'
import type { Context, Implementation, StepContext } from '../../driver.ts'
import { fakeMachine, type Info, type Power } from './machine.ts'

export function isInMemory({ node }: Pick<Context<Info>, 'node'>): boolean {
  return (node.interfaces['boot'] ?? 'fake') === 'fake'
}

/** null: it is not known. Of a machine that is switched by hand it is what was asked for last, by this process. */
export function powerOf(context: Pick<Context<Info>, 'node'>): Power | null {
  const { power, changes } = fakeMachine(context.node.node)
  return isInMemory(context) || changes.length > 0 ? power : null
}

/** `inMemory` or `real`, as the node boots: what is offered is the same, since that is told once for all nodes. */
export function byBoot(inMemory: Implementation<Info>, real: Implementation<Info>): Implementation<Info> {
  const used = (context: Pick<Context<Info>, 'node'>) => (isInMemory(context) ? inMemory : real)
  const names = new Set([inMemory, real].flatMap(({ steps = {} }) => Object.keys(steps)))
  const run = (name: string) => async (context: StepContext<Info>) => {
    const { steps = {}, agentStep } = used(context)
    if (steps[name] !== undefined) return await steps[name](context)
    if (agentStep !== undefined) return await agentStep(context, name)
    throw new FaultError(
      'driver.unsupported',
      `with boot interface ${context.node.interfaces['boot']} there is no ${name}`,
    )
  }
  return {
    ...inMemory,
    validate: async (context, instance) => await used(context).validate?.(context, instance),
    steps: Object.fromEntries([...names].map((name) => [name, run(name)])),
    resume: async (context) => await used(context).resume?.(context),
    failed: async (context, why) => await used(context).failed?.(context, why),
    ...((inMemory.agentStep ?? real.agentStep) && { agentStep: async (context, name) => await run(name)(context) }),
  }
}

/** Deploy interfaces that await no agent, whatever boots. */
const AGENTLESS = ['fake', 'noop']

/** What an agent does: only where the node boots one, and its deploy interface waits for it. */
export function byAgent(agent: Implementation<Info>): Implementation<Info> {
  const refuse = (context: Context<Info>): void => {
    const { boot = 'fake', deploy = 'fake' } = context.node.interfaces
    const wrong =
      boot === 'fake'
        ? `boot interface ${boot} boots none: set boot_interface to ipxe, or another that boots over the network`
        : AGENTLESS.includes(deploy) && `deploy interface ${deploy} waits for none: set deploy_interface to direct`
    if (wrong) throw new FaultError('driver.unsupported', `it is done by an agent, and ${wrong}`)
  }
  const steps = Object.entries(agent.steps ?? {}).map(([name, run]) => [
    name,
    async (context: StepContext<Info>) => {
      refuse(context)
      return await run(context)
    },
  ])
  return {
    ...agent,
    async validate(context, instance) {
      refuse(context)
      await agent.validate?.(context, instance)
    },
    steps: Object.fromEntries(steps) as NonNullable<Implementation<Info>['steps']>,
  }
}
