// The deploy interfaces of fake hardware. Beside its own, those of real machines: what they say of themselves and what they refuse is theirs. What they
// do is done in memory, or by the agent of a machine that boots (by-boot.ts).
import { FaultError } from '../../../shared/faults.ts'
import { autodetectDeploy } from '../../deploy/autodetect.ts'
import { noopDeploy } from '../../deploy/noop.ts'
import type { Implementation } from '../../driver.ts'
import { deploy } from './basic.ts'
import { byBoot } from './by-boot.ts'
import { type Info, step } from './machine.ts'

/** What an agent would do beside the steps of the plans is a line in the machine's log. */
function inMemory({ deployment, validate, offers = {}, steps = {} }: Implementation<Info>): Implementation<Info> {
  const has = (name: string) => Object.hasOwn(steps, name) || Object.hasOwn(deploy.offers!, name)
  const others = Object.keys(offers).filter((name) => !Object.hasOwn(deploy.steps!, name))
  return {
    ...deploy,
    deployment: deployment!,
    validate: validate!,
    offers: { ...offers, ...deploy.offers },
    steps: {
      ...Object.fromEntries(Object.entries(deploy.steps!).filter(([name]) => has(name))),
      ...Object.fromEntries(others.map((name) => [name, byAnAgent(name)])),
    },
  }
}

function byAnAgent(name: string) {
  return step(`deploy.${name}`, (machine) => void machine.log.push(`agent ${name}`))
}

/** An agent with the steps that driver_info says. */
function anAgent(real: Implementation<Info>): Implementation<Info> {
  const agent = inMemory(real)
  return {
    ...agent,
    steps: {
      ...agent.steps,
      async wait_agent(context) {
        refuseOthers(context.driverInfo, (context.args['steps'] ?? []) as string[])
        return await agent.steps!['wait_agent']!(context)
      },
    },
    async agentStep(context, name) {
      refuseOthers(context.driverInfo, [name])
      return await byAnAgent(name)(context)
    },
  }
}

function refuseOthers({ fake_agent_steps: has }: Info, wanted: readonly string[]): void {
  const missing = wanted.filter((name) => !has.includes(name))
  if (missing.length > 0)
    throw new FaultError('driver.unsupported', `the agent does not have the deploy steps ${missing.join(', ')}`)
}

/** `real`: those of machines that boot. */
export function deploys(
  real: Readonly<
    Record<'direct' | 'iscsi' | 'ramdisk' | 'ansible' | 'bootc' | 'anaconda' | 'custom-agent', Implementation<Info>>
  >,
): Record<string, Implementation<Info>> {
  const direct = byBoot(inMemory(real.direct), real.direct)
  return {
    fake: deploy,
    autodetect: autodetectDeploy(['ramdisk', 'bootc', 'direct'], direct),
    direct,
    iscsi: byBoot(inMemory(real.iscsi), real.iscsi),
    ramdisk: byBoot(inMemory(real.ramdisk), real.ramdisk),
    ansible: byBoot(inMemory(real.ansible), real.ansible),
    bootc: byBoot(inMemory(real.bootc), real.bootc),
    anaconda: byBoot(inMemory(real.anaconda), real.anaconda),
    'custom-agent': byBoot(anAgent(real['custom-agent']), real['custom-agent']),
    ...noopDeploy<Info>(),
  }
}
