// Work that a BMC does after its answer: how its end is told, by those who keep to the specification and by others.
import { afterEach, expect, test } from 'vitest'
import { type Env, nodeEnv } from './env.ts'
import { Session } from './session.ts'
import { monitorOf, settle } from './tasks.ts'
import { type Said, scriptedBmc } from './testdata/scripted-bmc.ts'
import { openWire } from './wire.ts'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** Pauses are over at once. */
function hasty(): Env & { pausedMs: number } {
  const env = {
    pausedMs: 0,
    mono: () => env.pausedMs,
    setTimer(ms: number, run: () => void) {
      if (ms >= 30_000) return nodeEnv.setTimer(ms, run)
      env.pausedMs += ms
      return nodeEnv.setTimer(0, run)
    },
  }
  return env
}

async function settled(...says: Said[]) {
  await using bmc = await scriptedBmc((_, before) => says[Math.min(before, says.length - 1)]!)
  const env = hasty()
  const wire = openWire(bmc.bmc.endpoint, true, { env })
  closers.push(() => wire.close())
  const session = new Session(wire, {}, undefined)
  const end = await settle(session, '/monitor', { timeoutMs: 60_000 }).catch((error: unknown) => error)
  return { end, asked: bmc.asked.length, pausedMs: env.pausedMs }
}

const task = (TaskState: string, more: Partial<Said> = {}): Said => ({ status: 202, json: { TaskState }, ...more })

test.each<[string, Said[], number]>([
  ['a monitor that answers 204', [task('Running'), { status: 204 }], 2],
  ['a monitor that answers with what was made', [task('Running'), { status: 200, json: { Id: '7' } }], 2],
  ['a task that is shown as completed', [task('New'), task('Running'), task('Completed', { status: 200 })], 3],
  ['a monitor that stays at 202', [task('Running'), task('Completed')], 2],
  ['a task that runs, shown with 200', [task('Running', { status: 200 }), task('Completed', { status: 200 })], 2],
  ['a monitor that is gone', [task('Running'), { status: 404 }], 2],
  ['a monitor without a word', [{ status: 202 }, { status: 200 }], 2],
])('%s has ended', async (_, says, asked) => {
  expect(await settled(...says)).toMatchObject({ end: 'done', asked })
})

test('work that waits for a start of the machine is told from work that is about to begin', async () => {
  expect(await settled(task('Pending'), task('Pending'))).toMatchObject({ end: 'waits' })
  expect(await settled(task('Pending'), task('Running'), task('Completed'))).toMatchObject({ end: 'done' })
})

test.each(['Exception', 'Killed', 'Cancelled'])('work that ends as %s is a refusal with its words', async (state) => {
  const Messages = [{ MessageId: 'Update.1.0.ApplyFailed', Message: 'No room.' }]
  const { end } = await settled(task('Running'), { status: 200, json: { TaskState: state, Messages } })
  expect(end).toMatchObject({
    kind: 'refused',
    messageIds: ['ApplyFailed'],
    message: expect.stringContaining('No room.'),
  })
})

test('work that does not end is given up in time, and asked for as often as the BMC says', async () => {
  const { end, asked, pausedMs } = await settled(task('Running', { headers: { 'retry-after': '10' } }))
  expect(end).toMatchObject({ kind: 'busy' })
  expect([asked, pausedMs]).toEqual([7, 60_000])
})

test.each<[string, Said]>([
  ['a list', { status: 200, json: [] }],
  ['a state that is none', { status: 200, json: { TaskState: 7 } }],
  ['what is not JSON', { status: 200, raw: 'OK' }],
])('a monitor that answers with %s is refused', async (_, said) => {
  expect((await settled(said)).end).toMatchObject({ kind: 'protocol' })
})

test('the monitor is where the answer says, in its header or in the task', async () => {
  await using bmc = await scriptedBmc(() => ({}))
  const wire = openWire(bmc.bmc.endpoint, true)
  closers.push(() => wire.close())
  const session = new Session(wire, {}, undefined)
  const answer = (status: number, headers: Record<string, string>, json?: unknown) =>
    monitorOf(session, { status, headers, body: Buffer.from(json === undefined ? '' : JSON.stringify(json)) })
  expect(answer(204, { location: '/m' })).toBeUndefined()
  expect(answer(202, { location: '/m' }, { TaskMonitor: '/other' })).toBe('/m')
  expect(answer(202, {}, { '@odata.id': '/t', TaskMonitor: '/m' })).toBe('/m')
  expect(answer(202, {}, { '@odata.id': '/t' })).toBe('/t')
  expect(answer(202, {})).toBeUndefined()
  expect(() => answer(202, { location: 'http://192.0.2.1/m' })).toThrow(expect.objectContaining({ kind: 'protocol' }))
})
