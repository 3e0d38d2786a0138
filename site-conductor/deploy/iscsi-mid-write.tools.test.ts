// What goes wrong while the conductor writes a disk over iSCSI, with the real programs: each ends the write soon, says why, and leaves no child, no export
// and no disk that boots by halves.
import { connect, createServer, type AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { commands } from '../../agent/command-list.ts'
import { MIB, noise, testNode } from '../../agent/testing.ts'
import { systemEnv } from '../../shared/env.ts'
import type { FakeContext } from '../testing/fake-context.ts'
import {
  child,
  contextOf,
  isBlank,
  never,
  port,
  SECRET,
  serve,
  stop,
  stopAgent,
  target,
  tgtd,
  writeImage,
  writes,
} from './testdata/iscsi-rig.ts'

interface Narrows {
  readonly isFull: Promise<void>
  goOn(): void
}

/** A disk that stops in mid-write: between qemu-img and tgtd, after login and so many bytes. */
async function narrows(most: number): Promise<Narrows> {
  const [full, open] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  let bytes = 0
  const server = createServer((socket) => {
    const inner = connect(port, '127.0.0.1')
    stop.defer(() => void (socket.destroy(), inner.destroy()))
    for (const [end, other] of [
      [socket, inner],
      [inner, socket],
    ] as const)
      end.on('error', () => other.destroy()).on('close', () => other.destroy())
    inner.pipe(socket)
    socket.on('data', (data) => {
      bytes += data.length
      if (bytes < most) return void inner.write(data)
      socket.pause()
      full.resolve()
      void open.promise.then(() => (inner.write(data), socket.resume()))
    })
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  stop.defer(() => void server.close())
  const original = target.start.bind(target)
  target.start = async (...args) => {
    await original(...args)
    return (server.address() as AddressInfo).port
  }
  return {
    isFull: full.promise,
    goOn: () => {
      target.start = original
      most = Infinity
      open.resolve()
    },
  }
}

/** Two minutes of silence in about a second. */
const hurried = (context: FakeContext) => {
  const { mono, setTimer } = systemEnv
  return Object.assign(context, {
    env: {
      ...context.env,
      mono: () => mono() * 100,
      setTimer: (ms: number, run: () => void) => setTimer(ms / 100, run),
    },
  })
}

test('an abort in mid-write kills the child, ends the export and leaves a disk that does not boot', async () => {
  const controller = new AbortController()
  // Eight requests are under way at once: only after so much is the first of them whole.
  serve(noise(64 * MIB))
  const disks = await narrows(40 * MIB)
  const writing = writeImage(await contextOf(controller.signal))
  writing.catch(() => {})
  await disks.isFull
  expect(child()!.line).not.toContain(SECRET)
  await expect.poll(isBlank, { timeout: 20_000, message: 'something is on the disk' }).toBe(false)
  controller.abort(new Error('the test takes the node away'))
  await expect(writing).rejects.toThrow('the test takes the node away')
  expect(child()).toBeUndefined()
  expect(tgtd()).toBeUndefined()
  expect(target.current).toBeUndefined()
  expect(await isBlank()).toBe(true)
})

test('an agent that is gone in mid-write is a lost agent, and the child does not wait for it for ever', async () => {
  const context = hurried(await contextOf())
  const disks = await narrows(6 * MIB)
  const writing = writeImage(context)
  writing.catch(() => {})
  await disks.isFull
  await stopAgent()
  await expect(writing).rejects.toMatchObject({ fault: { code: 'agent.lost' } })
  expect(child()).toBeUndefined()
  expect(context.notes.at(-1)).toMatchObject({ stage: 'write_image.left' })
})

test('a tgtd that dies in mid-write fails the write and says so, instead of being waited for', async () => {
  const context = hurried(await contextOf())
  const disks = await narrows(6 * MIB)
  const writing = writeImage(context)
  writing.catch(() => {})
  await disks.isFull
  process.kill(tgtd()!.pid, 'SIGKILL')
  await expect(writing).rejects.toMatchObject({
    fault: { code: 'agent.command', message: expect.stringContaining('tgtd ended with SIGKILL') as string },
  })
  expect(target.current).toBeUndefined()
  expect(child()).toBeUndefined()
})

test('a disk that takes no byte any more fails the write after a while', async () => {
  const context = hurried(await contextOf())
  await narrows(6 * MIB)
  await expect(writeImage(context)).rejects.toMatchObject({
    fault: { code: 'disk.io', message: expect.stringContaining('took no byte') as string },
  })
  expect(child()).toBeUndefined()
  expect(target.current).toBeUndefined()
}, 60_000)

test('a conductor that may write one image at a time lets the second node wait, and writes it afterwards', async () => {
  const controller = new AbortController()
  const disks = await narrows(6 * MIB)
  const one = writes(1)
  const share = (context: FakeContext) => Object.assign(context, { site: { ...context.site, writes: one } })
  const first = writeImage(share(await contextOf(controller.signal)))
  first.catch(() => {})
  await disks.isFull
  const other = share(await contextOf(never, 'raw', '00000000-0000-4000-8000-000000000002'))
  const stages = () => other.notes.map(({ stage }) => stage)
  const second = writeImage(other)
  second.catch(() => {})
  await expect.poll(stages, { timeout: 20_000 }).toContain('write_image.waits')
  expect(target.current?.iqn).toContain(testNode.uuid)
  controller.abort(new Error('over'))
  await expect(first).rejects.toThrow('over')
  disks.goOn()
  await second
  expect(stages()).toContain('write_image.verified')
})

test('a node whose agent is gone while it waits for its turn does not wait on; one whose agent is there has its whole time afterwards', async () => {
  const one = writes(1)
  const gate = Promise.withResolvers<void>()
  void one.turns.run(never, () => gate.promise)
  stop.defer(gate.resolve)
  const context = hurried(await contextOf())
  Object.assign(context, { site: { ...context.site, writes: one } })
  const writing = writeImage(context)
  writing.catch(() => {})
  await expect.poll(() => context.limits, { timeout: 20_000 }).toBeGreaterThan(1)
  expect(context.notes.at(-1)).toMatchObject({ stage: 'write_image.waits' })
  await stopAgent()
  await expect(writing).rejects.toMatchObject({ fault: { code: 'agent.lost' } })
  expect(target.lastIqn).toBeUndefined()
})

test.each([
  ['wipes the disk', 'iscsi.start_iscsi_target'],
  ['reads the disk back', 'iscsi.digest'],
])('an abort while the agent %s ends the export: the agent is not left busy', async (_, name) => {
  const controller = new AbortController()
  const context = await contextOf(controller.signal)
  const command = commands.find((each) => each.name === name)!
  const { run } = command
  stop.defer(() => void (command.run = run))
  command.run = async (given, params) => {
    controller.abort(new Error('over'))
    // It goes on until it is told to stop.
    await new Promise((resolve) => given.signal.addEventListener('abort', resolve, { once: true }))
    return await run(given, params)
  }
  await expect(writeImage(context)).rejects.toThrow('over')
  expect(context.notes.map(({ stage }) => stage)).not.toContain('write_image.left')
  expect(target.current).toBeUndefined()
  expect(tgtd()).toBeUndefined()
  if (name === 'iscsi.digest') expect(await isBlank()).toBe(true)
})

test('an export that names no port is refused before qemu-img hears of it', async () => {
  target.start = async () => '3260,file=/etc/passwd' as never
  await expect(writeImage(await contextOf())).rejects.toMatchObject({
    fault: { code: 'agent.command', message: expect.stringContaining('portal_port') as string },
  })
  expect(child()).toBeUndefined()
})
