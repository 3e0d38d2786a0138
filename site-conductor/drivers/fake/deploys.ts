// The deploy interfaces of fake hardware. Beside its own, those of real machines: what they say of themselves and what they refuse is theirs, what
// they do is done in memory.
import { FaultError } from '../../../shared/faults.ts'
import { autodetectDeploy } from '../../deploy/autodetect.ts'
import { bootcDeploy } from '../../deploy/bootc.ts'
import { customAgentDeploy } from '../../deploy/custom-agent.ts'
import { directDeploy } from '../../deploy/direct.ts'
import { noopDeploy } from '../../deploy/noop.ts'
import { ramdiskDeploy } from '../../deploy/ramdisk.ts'
import type { Implementation } from '../../driver.ts'
import { deploy } from './basic.ts'
import { type Info, step } from './machine.ts'

/** Nothing of a real machine's is ever done. */
const NEVER = { setBootDevice: async () => {} }

function inMemory({ deployment, validate, steps = {} }: Implementation<Info>): Implementation<Info> {
  const has = (name: string) => Object.hasOwn(steps, name) || Object.hasOwn(deploy.offers!, name)
  return {
    ...deploy,
    deployment: deployment!,
    validate: validate!,
    steps: Object.fromEntries(Object.entries(deploy.steps!).filter(([name]) => has(name))),
  }
}

const direct = inMemory(directDeploy<Info>(NEVER))
const agent = inMemory(customAgentDeploy<Info>(NEVER))

const customAgent: Implementation<Info> = {
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
    return await step(`deploy.${name}`, (machine) => void machine.log.push(`agent ${name}`))(context)
  },
}

function refuseOthers({ fake_agent_steps: has }: Info, wanted: readonly string[]): void {
  const missing = wanted.filter((name) => !has.includes(name))
  if (missing.length > 0)
    throw new FaultError('driver.unsupported', `the agent does not have the deploy steps ${missing.join(', ')}`)
}

export const deploys: Readonly<Record<string, Implementation<Info>>> = {
  fake: deploy,
  autodetect: autodetectDeploy(['ramdisk', 'bootc', 'direct'], direct),
  direct,
  ramdisk: inMemory(ramdiskDeploy<Info>(NEVER)),
  bootc: inMemory(bootcDeploy<Info>(NEVER)),
  'custom-agent': customAgent,
  ...noopDeploy<Info>(),
}
