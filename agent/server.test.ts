// The agent's API over real sockets, with a client that is a conductor of its own making.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { defineCommand } from './command.ts'
import type { Command } from './command.ts'
import { createCommandRunner } from './command-runner.ts'
import { commands } from './command-list.ts'
import { AgentFault } from './fault.ts'
import type { AgentServer } from './server.ts'
import { startServer } from './server.ts'
import type { FakeMachine } from './testing.ts'
import { fakeMachine, testNode } from './testing.ts'

const token = 't'.repeat(43)
let server: AgentServer
let machine: FakeMachine
let ends = 0
/** Of the slow command that runs now; undefined before it has begun. */
let release: (() => void) | undefined
async function begun(): Promise<void> {
  await expect.poll(() => release, { timeout: 15_000 }).toBeDefined()
}

const slow = defineCommand({
  name: 'test.slow',
  about: 'Waits until it is told to go on, or aborted.',
  kind: 'async',
  params: z.object({ fail: z.boolean().optional() }),
  run: ({ signal, progress }, { fail }) =>
    new Promise((resolve, reject) => {
      progress('slow', 5, 10)
      release = () => (fail ? reject(new AgentFault('ImageWriteError', 'short', 'long')) : resolve('done'))
      signal.addEventListener('abort', () => reject(signal.reason as Error))
    }),
}) satisfies Command

beforeEach(async () => {
  release = undefined
  machine = fakeMachine()
  ends = 0
  const runner = createCommandRunner({
    commands: [...commands, slow],
    machine,
    node: testNode,
    config: { heartbeat_timeout: 300 },
    log: () => {},
    onEnd: () => {
      ends += 1
    },
  })
  server = await startServer({ runner, token, version: 'v', host: '127.0.0.1', port: 0, startedAt: 1, log: () => {} })
})
afterEach(() => server.close())

// oxlint-disable-next-line typescript/no-explicit-any -- the shape is what is being tested
async function ask(method: string, path: string, body?: unknown): Promise<{ code: number; body: any }> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, {
    method,
    ...(body !== undefined && { body: text }),
  })
  return { code: response.status, body: await response.json() }
}
const post = (name: string, params: unknown = {}, more: object = {}, query = '') =>
  ask('POST', `/v1/commands?agent_token=${token}${query}`, { name, params, ...more })

describe('routes', () => {
  it('answer without a token what says nothing about the node', async () => {
    expect((await ask('GET', '/')).body).toMatchObject({ default_version: { id: 'v1' } })
    expect((await ask('GET', '/v1/')).body.media_types[0].type).toBe(
      'application/vnd.openstack.ironic-python-agent.v1+json',
    )
    expect((await ask('GET', '/v1/status')).body).toEqual({ started_at: 1, version: 'v' })
    expect((await ask('GET', '/status/')).body).toEqual({ started_at: 1, version: 'v' })
  })

  it('refuse wrong tokens everywhere else', async () => {
    for (const [method, path] of [
      ['GET', '/v1/commands'],
      ['GET', `/v1/commands?agent_token=${token}x`],
      ['POST', '/v1/commands/?agent_token='],
      ['GET', '/v1/commands/some-id'],
      ['DELETE', '/commands/some-id'],
    ] as const) {
      const { code, body } = await ask(
        method,
        path,
        method === 'POST' ? { name: 'standby.sync', params: {} } : undefined,
      )
      expect([code, body.type, body.faultstring]).toEqual([401, 'Unauthorized', 'token invalid'])
    }
    expect(machine.did).toEqual([])
  })

  it('say 404 and 405 in the same way', async () => {
    expect(await ask('GET', '/v1/nothing')).toMatchObject({
      code: 404,
      body: { faultcode: 'Client', faultstring: 'not found' },
    })
    expect(await ask('GET', `/v1/commands/1234?agent_token=${token}`)).toMatchObject({
      code: 404,
      body: { type: 'RequestedObjectNotFound' },
    })
    expect(await ask('PUT', `/v1/commands?agent_token=${token}`, {})).toMatchObject({ code: 405 })
  })
})

describe('commands', () => {
  it('with a key that is known are not run again, while they run and afterwards', async () => {
    const first = await post('test.slow', {}, { key: 'task write_image' })
    const again = await post('test.slow', {}, { key: 'task write_image' })
    expect(again).toMatchObject({ code: 200, body: { id: first.body.id, command_status: 'RUNNING', repeated: true } })
    expect((await post('test.slow', {}, { key: 'another' })).code).toBe(409)
    release?.()
    await expect.poll(() => ends).toBe(1)
    const done = await post('test.slow', {}, { key: 'task write_image' })
    expect(done.body).toMatchObject({ id: first.body.id, command_status: 'SUCCEEDED', repeated: true })
    expect((await ask('GET', `/v1/commands?agent_token=${token}`)).body.commands).toHaveLength(1)
  })

  it('that are synchronous answer with their result', async () => {
    const { code, body } = await post('standby.sync')
    expect(code).toBe(200)
    expect(body).toMatchObject({
      command_name: 'sync',
      command_status: 'SUCCEEDED',
      command_error: null,
      command_result: null,
    })
    expect(machine.did).toEqual(['sync'])
    expect(ends).toBe(0)
  })

  it('that are asynchronous answer RUNNING, show progress, and end with a heartbeat', async () => {
    const { body } = await post('test.slow')
    expect(body).toMatchObject({ command_status: 'RUNNING', command_result: null })
    const path = `/v1/commands/${body.id}?agent_token=${token}`
    expect((await ask('GET', path)).body.command_progress).toMatchObject({ step: 'slow', bytes: 5, total: 10 })
    const waiting = ask('GET', `${path}&wait=true`)
    await sleep(20)
    release!()
    expect((await waiting).body).toMatchObject({
      command_status: 'SUCCEEDED',
      command_result: { result: 'slow: done' },
    })
    expect(ends).toBe(1)
    const { body: list } = await ask('GET', `/v1/commands/?agent_token=${token}`)
    expect(list.commands.map((result: { id: string }) => result.id)).toEqual([body.id])
  })

  it('tell whoever waits some milliseconds of their end at once, or that they still run', async () => {
    const { body } = await post('test.slow')
    const path = `/v1/commands/${body.id}?agent_token=${token}`
    expect((await ask('GET', `${path}&wait=10`)).body.command_status).toBe('RUNNING')
    const waiting = ask('GET', `${path}&wait=60000`)
    await sleep(20)
    release!()
    expect((await waiting).body.command_status).toBe('SUCCEEDED')
  })

  it('that fail say so with 200 and an error', async () => {
    const running = post('test.slow', { fail: true }, {}, '&wait=true')
    await begun()
    release!()
    expect(await running).toMatchObject({
      code: 200,
      body: {
        command_status: 'FAILED',
        command_error: { type: 'ImageWriteError', code: 500, message: 'short', details: 'long' },
      },
    })
  })

  it('run one at a time', async () => {
    const { body } = await post('test.slow')
    expect(await post('standby.sync')).toMatchObject({
      code: 409,
      body: { type: 'AgentIsBusy', faultstring: 'agent is busy executing slow' },
    })
    expect((await ask('DELETE', `/v1/commands/${body.id}?agent_token=${token}&wait=true`)).body).toMatchObject({
      command_status: 'FAILED',
      command_error: { type: 'CommandAborted' },
    })
    expect((await post('standby.sync')).code).toBe(200)
  })

  it('of an older epoch are refused, whether anything runs or not', async () => {
    expect((await post('standby.sync', {}, { epoch: 5 })).code).toBe(200)
    expect((await post('standby.sync', {}, { epoch: 5 })).code).toBe(200)
    const stale = await post('standby.power_off', {}, { epoch: 4 })
    expect(stale).toMatchObject({ code: 409, body: { type: 'StaleEpoch', message: 'stale epoch: 4 is older than 5' } })
    expect((await post('standby.sync')).code).toBe(200) // Ironic has no epochs
    expect(machine.did).not.toContain('powerOff')
  })

  it('that are unknown, or whose parameters are wrong, are refused with the reason', async () => {
    expect(await post('standby.dance')).toMatchObject({ code: 400, body: { type: 'InvalidCommandError' } })
    expect(await post('nothing.at_all')).toMatchObject({ code: 404 })
    expect(await post('standby.prepare_image', { image_info: {} })).toMatchObject({
      code: 400,
      body: { type: 'InvalidCommandParamsError' },
    })
    expect(await ask('POST', `/v1/commands?agent_token=${token}`, '{')).toMatchObject({
      code: 400,
      body: { type: 'InvalidContent' },
    })
    expect(await ask('POST', `/v1/commands?agent_token=${token}`, [])).toMatchObject({ code: 400 })
  })

  it('steps planned with another ramdisk are a version mismatch', async () => {
    const params = {
      step: { step: 'erase_devices_metadata' },
      node: testNode,
      ports: [],
      clean_version: { generic_hardware_manager: '1.1' },
    }
    const { body } = await post('clean.execute_clean_step', params, {}, '&wait=true')
    expect(body.command_status).toBe('CLEAN_VERSION_MISMATCH')
  })

  it('power_off answers before it acts', async () => {
    const { body } = await post('standby.power_off', {}, {}, '&wait=true')
    expect(body.command_status).toBe('SUCCEEDED')
    expect(machine.did).toEqual(['sync'])
    await expect.poll(() => machine.did).toEqual(['sync', 'powerOff'])
  })
})
