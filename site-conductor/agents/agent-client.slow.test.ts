// Commands over real TLS to the agent's own server: pinning, the last-moment check, kept connections, lost answers, failures as faults.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { makeCertificate, type OwnCertificate } from '../../agent/certificate.ts'
import type { CommandRunner } from '../../agent/command-runner.ts'
import { AgentFault } from '../../agent/fault.ts'
import { type AgentServer, startServer } from '../../agent/server.ts'
import type { CommandResult } from '../../shared/agent-protocol.ts'
import { systemEnv } from '../../shared/env.ts'
import { FaultError } from '../../shared/faults.ts'
import { findCommand, runningCommand, startCommand, waitForCommand } from './agent-client.ts'
import { type AgentConnection, type AgentConnections, openAgentConnections } from './agent-connection.ts'

const TOKEN = 'a-token-of-this-boot-with-more-than-32-characters'
const fast = { ...systemEnv, setTimer: (delayMs: number, run: () => void) => systemEnv.setTimer(delayMs / 100, run) }

let own: OwnCertificate
let server: AgentServer
let connections: AgentConnections
let runner: CommandRunner
let commands: CommandResult[]
let bodies: { name: string; params: Record<string, unknown>; epoch?: number }[]
let onStart: (entry: CommandResult) => void

beforeEach(async () => {
  connections = openAgentConnections()
  own = await makeCertificate(['127.0.0.1'], new Date())
  commands = []
  bodies = []
  onStart = () => {}
  runner = {
    start(body) {
      const { name, epoch } = body as (typeof bodies)[number]
      bodies.push(body as never)
      if (epoch !== undefined && epoch < 5) throw new AgentFault('StaleEpoch', `stale epoch: ${epoch}`)
      const result: CommandResult = {
        id: crypto.randomUUID(),
        command_name: name.split('.')[1]!,
        command_status: 'RUNNING',
        command_error: null,
        command_result: null,
      }
      commands.push(result)
      onStart(result)
      return { result, kind: 'async', done: Promise.resolve() }
    },
    list: () => commands,
    get(id) {
      const result = commands.find((command) => command.id === id)
      if (result === undefined) throw new AgentFault('RequestedObjectNotFound', 'not found')
      return { result, done: Promise.resolve() }
    },
    abort() {},
    async close() {},
  }
  const tls = { certPem: own.certPem, keyPem: own.keyPem }
  server = await startServer({
    runner,
    token: TOKEN,
    version: '1',
    tls,
    host: '127.0.0.1',
    port: 0,
    startedAt: 0,
    log: () => {},
  })
})
afterEach(async () => {
  await connections.close()
  await server.close()
})

const silentAgent: AgentConnection['heartbeats'] = { count: () => 0, after: () => new Promise(() => undefined) }
const agent = (more: Partial<AgentConnection> = {}): AgentConnection => ({
  connections,
  heartbeats: silentAgent,
  url: `https://127.0.0.1:${server.port}`,
  token: TOKEN,
  certificate: own.certPem,
  epoch: () => 7,
  before: () => {},
  env: fast,
  signal: new AbortController().signal,
  ...more,
})

test('a command carries name, parameters and epoch; its end is waited for with progress', async () => {
  onStart = (entry) => {
    entry.command_progress = { step: 'write', bytes: 5, total: 10, ratePerS: 1 }
    setTimeout(() => Object.assign(entry, { command_status: 'SUCCEEDED', command_result: { result: 'done' } }), 50)
  }
  const progress: number[] = []
  let answers = 0
  const command = await startCommand(agent({ onAnswer: () => void answers++ }), 'standby.prepare_image', { a: 1 })
  expect(answers, 'each answer says that the agent is there').toBe(1)
  expect(await waitForCommand(agent(), command, ({ bytes }) => progress.push(bytes))).toEqual({ result: 'done' })
  expect(bodies).toEqual([{ name: 'standby.prepare_image', params: { a: 1 }, epoch: 7 }])
  expect(progress).toContain(5)
})

test('an agent with another certificate than the one of the heartbeat is not talked to', async () => {
  const other = await makeCertificate(['127.0.0.1'], new Date())
  const refused = startCommand(agent({ certificate: other.certPem }), 'standby.sync', {})
  await expect(refused).rejects.toMatchObject({ fault: { code: 'agent.lost' } })
  expect(bodies).toEqual([])
})

test('a refused last-moment check lets no command out, and its own fault comes back', async () => {
  const before = () => {
    throw new FaultError('fenced', 'taken away')
  }
  await expect(startCommand(agent({ before }), 'standby.sync', {})).rejects.toMatchObject({ fault: { code: 'fenced' } })
  expect(bodies).toEqual([])
})

test('commands one after another share a connection, and each is checked before it leaves', async () => {
  let opened = 0
  const relay = createServer((socket) => {
    opened++
    const inner = connect(server.port, '127.0.0.1')
    for (const end of [socket, inner]) end.on('error', () => end.destroy())
    socket.pipe(inner).pipe(socket)
  }).listen(0, '127.0.0.1')
  await once(relay, 'listening')
  let checks = 0
  let refused = false
  const before = () => {
    checks++
    if (refused) throw new FaultError('fenced', 'taken away')
  }
  const near = agent({ url: `https://127.0.0.1:${(relay.address() as AddressInfo).port}`, before })
  await startCommand(near, 'standby.sync', {})
  await findCommand(near, commands[0]!.id)
  await startCommand(near, 'standby.power_off', {})
  expect({ opened, checks }).toEqual({ opened: 1, checks: 2 })
  refused = true
  await expect(startCommand(near, 'standby.sync', {})).rejects.toMatchObject({ fault: { code: 'fenced' } })
  expect(bodies.map(({ name }) => name)).toEqual(['standby.sync', 'standby.power_off'])
  // A kept connection is no way around the certificate.
  const other = await makeCertificate(['127.0.0.1'], new Date())
  await expect(
    startCommand({ ...near, before: () => {}, certificate: other.certPem }, 'standby.sync', {}),
  ).rejects.toMatchObject({ fault: { code: 'agent.lost' } })
  expect(bodies).toHaveLength(2)
  await connections.close()
  relay.close()
})

test('a stale epoch is fenced', async () => {
  await expect(startCommand(agent({ epoch: () => 4 }), 'standby.sync', {})).rejects.toMatchObject({
    fault: { code: 'fenced' },
  })
})

test('a wrong token is refused by the agent and becomes a fault', async () => {
  await expect(startCommand(agent({ token: 'wrong' }), 'standby.sync', {})).rejects.toMatchObject({
    fault: { code: 'agent.command' },
  })
})

test('a command whose answer is lost is found running and not started twice', async () => {
  const { port } = server
  const serve = (runner: CommandRunner) => {
    const tls = { certPem: own.certPem, keyPem: own.keyPem }
    return startServer({
      runner,
      token: TOKEN,
      version: '1',
      tls,
      host: '127.0.0.1',
      port,
      startedAt: 0,
      log: () => {},
    })
  }
  await server.close()
  const dying: CommandRunner = {
    ...runner,
    start(body) {
      const begun = runner.start(body)
      // Cuts the connection before the answer, and comes back.
      const restart = async () => {
        await server.close()
        server = await serve(runner)
      }
      return { ...begun, kind: 'sync', done: restart() }
    },
  }
  server = await serve(dying)
  const found = await startCommand(agent(), 'standby.prepare_image', {})
  expect(found.id).toBe(commands[0]!.id)
  expect(bodies).toHaveLength(1)
})

test('nobody there is agent.lost after three tries', async () => {
  await server.close()
  await expect(startCommand(agent(), 'standby.sync', {})).rejects.toMatchObject({ fault: { code: 'agent.lost' } })
})

test('a heartbeat ends the wait at once: no poll is needed', async () => {
  const noTimers = { ...fast, setTimer: () => () => {} }
  let calls = 0
  const heartbeat = Promise.withResolvers<void>()
  const heartbeats = { count: () => calls, after: () => heartbeat.promise }
  onStart = (entry) => {
    setTimeout(() => {
      Object.assign(entry, { command_status: 'SUCCEEDED', command_result: {} })
      calls++
      heartbeat.resolve()
    }, 20)
  }
  const command = await startCommand(agent(), 'standby.prepare_image', {})
  expect(await waitForCommand(agent({ env: noTimers, heartbeats }), command)).toEqual({})
})

test('the end of a command is heard from the agent itself: no timer and no heartbeat is needed', async () => {
  const noTimers = { ...fast, setTimer: () => () => {} }
  const done = Promise.withResolvers<void>()
  runner.get = () => ({ result: commands[0]!, done: done.promise })
  onStart = (entry) => {
    setTimeout(() => {
      Object.assign(entry, { command_status: 'SUCCEEDED', command_result: {} })
      done.resolve()
    }, 50)
  }
  const command = await startCommand(agent(), 'standby.prepare_image', {})
  expect(await waitForCommand(agent({ env: noTimers }), command)).toEqual({})
})

test('a command that the agent does not know any more is undefined, and while waiting it is agent.lost', async () => {
  expect(await findCommand(agent(), crypto.randomUUID())).toBeUndefined()
  const command = await startCommand(agent(), 'standby.prepare_image', {})
  expect(await runningCommand(agent(), 'standby.prepare_image')).toMatchObject({ id: command.id })
  expect(await runningCommand(agent(), 'standby.sync')).toBeUndefined()
  commands.length = 0
  await expect(waitForCommand(agent(), command)).rejects.toMatchObject({ fault: { code: 'agent.lost' } })
})

describe('an agent that falls silent in the middle of a command', () => {
  const start = performance.now()
  const env = { ...fast, mono: () => start + (performance.now() - start) * 100 }
  const silenced = async (whyGone?: AgentConnection['whyGone']) => {
    const command = await startCommand(agent(), 'standby.prepare_image', {})
    await server.close()
    return await waitForCommand(agent({ env, ...(whyGone && { whyGone }) }), command).catch((error: unknown) => error)
  }

  test('is given up after two minutes', async () => {
    const begun = env.mono()
    expect(await silenced()).toMatchObject({ fault: { code: 'agent.lost' } })
    expect(env.mono() - begun).toBeGreaterThan(120_000)
  })

  test('is given up at once when it is known why', async () => {
    expect(await silenced(async () => 'the machine has lost its power')).toMatchObject({
      fault: {
        code: 'agent.lost',
        message: expect.stringMatching(/^the machine has lost its power; the agent at/) as string,
      },
    })
  })

  test('is waited for as long where nobody can say why', async () => {
    const begun = env.mono()
    expect(await silenced(() => Promise.reject(new Error('BMC silent')))).toMatchObject({
      fault: { code: 'agent.lost', message: expect.stringMatching(/^the agent at/) as string },
    })
    expect(env.mono() - begun).toBeGreaterThan(120_000)
  })
})

test.each([
  ['ImageChecksumError', 'sha256 differs', 'image.digest'],
  ['ImageDownloadError', 'HTTP 404 of http://images/a', 'image.not_found'],
  ['ImageDownloadError', 'connection refused', 'image.unreachable'],
  ['InvalidImage', 'qcow2 with a backing file', 'image.format'],
  ['DiskTooSmall', '10 GiB', 'image.too_large'],
  ['DeviceNotFound', 'no disk matches', 'disk.not_found'],
  ['DiskWriteError', 'EIO', 'disk.io'],
  ['InvalidConfigDrive', 'not base64', 'config_drive.invalid'],
  ['SomethingElse', 'odd', 'agent.command'],
])('%s (%s) is %s', async (type, message, code) => {
  const error = { type, code: 500, message, details: message }
  onStart = (entry) => Object.assign(entry, { command_status: 'FAILED', command_error: error })
  const command = await startCommand(agent(), 'standby.prepare_image', {})
  await expect(waitForCommand(agent(), command)).rejects.toMatchObject({
    fault: { code, message: expect.stringContaining(message) as string },
  })
})
