// What a silent agent is judged by: who asked, what was heard since, and the power, which is asked of a slow BMC.
import { expect, test } from 'vitest'
import fake from '../drivers/fake-hardware.ts'
import { fakeContext } from '../testing/fake-context.ts'
import { FakeEnv } from '../testing/fake-env.ts'
import { fakeGrant } from '../testing/fake-hub.ts'
import { agentOf } from './perform.ts'

const MACHINE = '10.0.0.50'
const CALLED = { agent_url: `https://${MACHINE}:9999`, agent_token: 'token', agent_certificate: 'PEM' }

async function silentAgent() {
  const context = await fakeContext(fake, { node: fakeGrant('n'), context: CALLED })
  const env = new FakeEnv()
  const asked: number[] = []
  const getPowerState = async () => void asked.push(env.mono())
  return { env, asked, agents: context.site.agents, agent: await agentOf({ ...context, env }, { getPowerState }) }
}

test('a BMC is not asked each second for the power of a machine whose agent is silent', async () => {
  const { env, asked, agent } = await silentAgent()
  for (let second = 0; second < 30; second++, env.advance(1000)) await agent.whyGone!()
  expect(asked).toHaveLength(3)
})

test('a lookup in the middle of a command is no restart once the agent has answered again', async () => {
  const { agents, agent } = await silentAgent()
  const nothing = async () => {}
  const expected = { node: 'n', macs: [], token: 't', properties: {}, instanceInfo: {}, shown: false }
  agents.expect({ ...expected, onShown: nothing, onScript: nothing, onCall: nothing })
  await agents.showToken('n', MACHINE)
  await agents.showToken('n', MACHINE)
  expect(await agent.whyGone!()).toContain('started again')
  agent.onAnswer!()
  expect(await agent.whyGone!()).toBeUndefined()
})
