// An agent with its own server and runner on a machine of files, and a step's context that knows it.
import { makeCertificate } from '../../../../agent/certificate.ts'
import type { Command } from '../../../../agent/command.ts'
import { createCommandRunner } from '../../../../agent/command-runner.ts'
import type { Machine } from '../../../../agent/machine.ts'
import { startServer } from '../../../../agent/server.ts'
import { fakeMachine, testNode } from '../../../../agent/testing.ts'
import type { Driver } from '../../../driver.ts'
import { type FakeContext, fakeContext } from '../../../testing/fake-context.ts'
import { fakeGrant } from '../../../testing/fake-hub.ts'

const TOKEN = 'a-token-of-this-boot-with-more-than-32-characters'

export interface AgentRig {
  /** `ran`: the commands that the agent took, by their short names. `context` is more of the task's. */
  start(
    commands: readonly Command[],
    more?: { machine?: Machine; context?: Record<string, unknown>; args?: Record<string, unknown> },
  ): Promise<{ readonly context: FakeContext; readonly ran: string[] }>
  readonly close: () => Promise<void>
}

export function agentRig(driver: Driver): AgentRig {
  let stop = new AsyncDisposableStack()
  return {
    async start(commands, { machine = fakeMachine(), context = {}, args = {} } = {}) {
      const { certPem, keyPem } = await makeCertificate(['127.0.0.1'], new Date())
      const ran: string[] = []
      const config = { heartbeat_timeout: 300 }
      const runner = createCommandRunner({ commands, machine, node: testNode, config, log: () => {}, onEnd: () => {} })
      stop.defer(() => runner.close())
      const server = await startServer({
        runner: {
          ...runner,
          start(body) {
            const started = runner.start(body)
            ran.push(started.result.command_name)
            return started
          },
        },
        token: TOKEN,
        version: '1',
        tls: { certPem, keyPem },
        host: '127.0.0.1',
        port: 0,
        startedAt: 0,
        log: () => {},
      })
      stop.defer(() => server.close())
      const agent = { agent_url: `https://127.0.0.1:${server.port}`, agent_token: TOKEN, agent_certificate: certPem }
      const node = fakeGrant(testNode.uuid, { driver: driver.name, driverInfo: { ipmi_address: '192.0.2.1' } })
      const made = await fakeContext(driver, { node, args, context: { ...agent, ...context } })
      stop.defer(() => made.close())
      return { context: made, ran }
    },
    async close() {
      await stop.disposeAsync()
      stop = new AsyncDisposableStack()
    },
  }
}
