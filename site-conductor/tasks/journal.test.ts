// The journal: what survives a crash, a torn write and a second reading.
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { StepEvent } from '../../shared/protocol.ts'
import { type Disk, folder } from '../disk.ts'
import { FakeDisk } from '../testing/fake-disk.ts'
import { Journal, type Task } from './journal.ts'

const task = (id: string, more: Partial<Task> = {}): Task => ({
  type: 'task',
  id,
  node: 'n',
  epoch: 1,
  nseq: 1,
  kind: 'deploy',
  steps: [{ interface: 'power', step: 'power_on', args: {} }],
  context: {},
  doneSteps: 0,
  lastEvent: 0,
  deadline: 0,
  ...more,
})
const event = (n: number, more: Partial<StepEvent> = {}): StepEvent => ({ n, at: 0, step: 0, kind: 'started', ...more })
const numbers = (journal: Journal, id: string) => journal.entries.get(id)?.events.map(({ event: each }) => each.n)

async function written(): Promise<FakeDisk> {
  const disk = new FakeDisk()
  const journal = await Journal.open(disk)
  await journal.accept(task('t1'))
  await journal.event('t1', 1, event(1))
  await journal.event('t1', 1, event(2, { kind: 'finished', context: { a: 'ä' } }))
  await journal.result('t1', 1, { ok: true })
  await journal.accept(task('t2'))
  return disk
}

test('reads back what it wrote', async () => {
  const journal = await Journal.open(await written())
  expect([...journal.entries.keys()]).toEqual(['t1', 't2'])
  expect(journal.entries.get('t1')).toMatchObject({ task: { id: 't1' }, result: { epoch: 1, outcome: { ok: true } } })
  expect(numbers(journal, 't1')).toEqual([1, 2])
  expect(journal.cutBytes).toBe(0)
})

test('acknowledged events and settled tasks are gone after a restart too', async () => {
  const disk = await written()
  const journal = await Journal.open(disk)
  await journal.acked('t1', 1)
  await journal.forget('t2')
  const again = await Journal.open(disk)
  expect(numbers(again, 't1')).toEqual([2])
  expect(again.entries.has('t2')).toBe(false)
})

test('a tail torn at any byte is cut off, and writing goes on behind it', async () => {
  const whole = (await written()).files.get('journal')!
  for (let length = 0; length < whole.length; length++) {
    const disk = new FakeDisk()
    disk.files.set('journal', whole.slice(0, length))
    const journal = await Journal.open(disk)
    expect(length - journal.cutBytes).toBe(disk.files.get('journal')!.length)
    await journal.accept(task('t9'))
    expect((await Journal.open(disk)).entries.has('t9')).toBe(true)
  }
})

test('a flipped bit anywhere never gives a record that was not written', async () => {
  const whole = (await written()).files.get('journal')!
  const original = await Journal.open(await written())
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length * 8 - 1), async (bit) => {
      const disk = new FakeDisk()
      const bytes = whole.slice()
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      disk.files.set('journal', bytes)
      const { entries } = await Journal.open(disk)
      for (const [id, entry] of entries) expect(original.entries.get(id)).toMatchObject({ task: entry.task })
    }),
  )
})

test('a record that was damaged in the middle is lost by itself: what a person did and the tasks behind it are there, and the file is kept', async () => {
  const disk = await written()
  const journal = await Journal.open(disk)
  await journal.local({ id: 'l1', node: 'n', action: 'power', at: 0, by: 'ada', fenced: false })
  const whole = disk.files.get('journal')!
  const lengths = Buffer.from(whole).toString('latin1').split('\n').map((each) => each.length + 1) // prettier-ignore
  const second = lengths[0]!
  for (const at of [second, second + 9, second + 30, second + lengths[1]! - 1]) {
    const damaged = new FakeDisk()
    damaged.files.set(
      'journal',
      Uint8Array.from(whole, (byte, i) => (i === at ? byte ^ 1 : byte)),
    )
    const bytes = damaged.files.get('journal')!
    const found = await Journal.open(damaged)
    expect([...found.entries.keys()], `byte ${at}`).toEqual(['t1', 't2'])
    expect(numbers(found, 't1')).toEqual([2])
    expect(found.entries.get('t1')!.result).toBeDefined()
    expect([...found.locals.keys()]).toEqual(['l1'])
    expect(found).toMatchObject({ cutBytes: 0, damage: { bytes: lengths[1], keptAs: expect.any(String) } })
    expect(damaged.files.get(found.damage!.keptAs)).toEqual(bytes)
    const again = await Journal.open(damaged)
    expect(again.damage, 'it is whole now').toBeUndefined()
    expect(again.entries).toEqual(found.entries)
    expect(again.locals).toEqual(found.locals)
  }
})

test('what looks like a record inside of a damaged one is none', async () => {
  const disk = await written()
  const line = Buffer.from(disk.files.get('journal')!).toString('latin1').split('\n').at(-2)!
  const journal = await Journal.open(disk)
  await journal.accept(task('t3', { context: { note: line.replace('t2', 't8') } }))
  await journal.accept(task('t4'))
  const bytes = disk.files.get('journal')!
  const at = Buffer.from(bytes).indexOf('"t3"')
  bytes[at + 1]! ^= 1
  expect([...(await Journal.open(disk)).entries.keys()]).toEqual(['t1', 't2', 't4'])
})

test('any bytes can be opened', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      const disk = new FakeDisk()
      disk.files.set('journal', bytes)
      expect((await Journal.open(disk)).entries.size).toBe(0)
    }),
  )
})

test('the BMC session that a run opened last is known after a restart, until somebody else may have had the node', async () => {
  const disk = await written()
  const journal = await Journal.open(disk)
  await journal.session('t1', 3, 'of ours')
  const again = await Journal.open(disk)
  expect(again.bmcSessionOf('t1')).toBe('of ours')
  await again.accept(task('t1', { epoch: 5, since: 2, bmcSession: 'the hub’s' }))
  expect(again.bmcSessionOf('t1')).toBe('of ours')
  await again.accept(task('t1', { epoch: 7, since: 6, bmcSession: 'the hub’s' }))
  expect(again.bmcSessionOf('t1')).toBe('the hub’s')
})

test('reading it twice over gives the same state', async () => {
  const disk = await written()
  const journal = await Journal.open(disk)
  await journal.acked('t1', 1)
  const bytes = disk.files.get('journal')!
  const twice = new FakeDisk()
  twice.files.set('journal', Buffer.concat([bytes, bytes]))
  expect((await Journal.open(twice)).entries).toEqual((await Journal.open(disk)).entries)
})

test('records that arrive during one fsync share the next', async () => {
  const disk = new FakeDisk()
  const journal = await Journal.open(disk)
  const held = Promise.withResolvers<void>()
  disk.hold = held.promise
  const writes = Array.from({ length: 50 }, (_, i) => journal.accept(task(`t${i}`)))
  await Promise.resolve()
  const more = journal.accept(task('later'))
  held.resolve()
  await Promise.all([...writes, more])
  expect(disk.appends).toBeLessThanOrEqual(2)
  expect((await Journal.open(disk)).entries.size).toBe(51)
})

test('after a failed write nothing is accepted, and what was promised before is there', async () => {
  const disk = await written()
  const journal = await Journal.open(disk)
  disk.tearAfter = 10
  await expect(journal.accept(task('t3'))).rejects.toThrow('cannot be written')
  await expect(journal.accept(task('t4'))).rejects.toThrow('cannot be written')
  const again = await Journal.open(disk)
  expect([...again.entries.keys()]).toEqual(['t1', 't2'])
  expect(again.cutBytes).toBe(10)
})

test('a large journal is compacted to what is not settled', async () => {
  const disk = new FakeDisk()
  const journal = await Journal.open(disk)
  const padding = { text: 'x'.repeat(50_000) }
  await journal.accept(task('kept'))
  for (let i = 0; i < 30; i++) {
    await journal.accept(task(`t${i}`, { context: padding }))
    await journal.forget(`t${i}`)
  }
  expect(disk.files.get('journal')!.length).toBeLessThan(1_100_000)
  expect([...(await Journal.open(disk)).entries.keys()]).toEqual(['kept'])
})

test('what a life of many tasks costs grows with what is written, not with its square', async () => {
  let [serialised, replaced, appended] = [0, 0, 0]
  let parts: Uint8Array[] = []
  const disk: Disk = {
    read: async () => Buffer.concat(parts),
    append: async (_, bytes) => void ((appended += bytes.length), parts.push(bytes)),
    truncate: async () => {},
    replace: async (_, bytes) => void ((replaced += bytes.length), (parts = [bytes])),
    remove: async () => {},
  }
  const journal = await Journal.open(disk)
  const text = 'x'.repeat(4_000)
  const counted = { toJSON: () => ((serialised += text.length), text) }
  // More and more tasks that are not settled, and events that are heard meanwhile: half of what is written stays, which is as bad as it gets.
  for (let i = 0; i < 400; i++) {
    await journal.accept(task(`t${i}`, { context: { counted } }))
    await journal.event(`t${i}`, 1, event(1, { context: { counted } }))
    await journal.acked(`t${i}`, 1)
  }
  for (let i = 0; i < 390; i++) await journal.forget(`t${i}`)
  for (let i = 400; i < 600; i++) {
    await journal.accept(task(`t${i}`, { context: { counted } }))
    await journal.forget(`t${i}`)
  }
  expect(serialised / appended).toBeLessThan(4)
  expect(replaced / appended, 'in snapshots').toBeLessThan(2)
  expect(Buffer.concat(parts).length, 'and it does get smaller').toBeLessThan(1_200_000)
  expect((await Journal.open(disk)).entries.size).toBe(10)
})

test('delivered again under another epoch, unheard events count only since ownership was unbroken', async () => {
  const open = async () => {
    const journal = await Journal.open(await written())
    return journal
  }
  const lost = await open()
  await lost.accept(task('t1', { epoch: 4 }))
  expect(numbers(lost, 't1')).toEqual([])
  expect(lost.entries.get('t1')!.result).toBeUndefined()
  const kept = await open()
  await kept.accept(task('t1', { epoch: 4, since: 1 }))
  expect(numbers(kept, 't1')).toEqual([1, 2])
  expect(kept.entries.get('t1')!.result).toBeDefined()
  const heard = await open()
  await heard.accept(task('t1', { epoch: 4, since: 1, lastEvent: 1 }))
  expect(numbers(heard, 't1')).toEqual([2])
  const gap = await open()
  await gap.acked('t1', 1)
  await gap.accept(task('t1', { epoch: 4, since: 1, lastEvent: 0 }))
  expect(numbers(gap, 't1')).toEqual([])
})

test('everything that was promised is there after SIGKILL of a real process', async () => {
  const path = await mkdtemp(join(tmpdir(), 'ferrule-journal-'))
  try {
    const script = `
      const { folder } = await import(${JSON.stringify(join(import.meta.dirname, '../disk.ts'))})
      const { Journal } = await import(${JSON.stringify(join(import.meta.dirname, 'journal.ts'))})
      const journal = await Journal.open(await folder(process.argv[1]))
      for (let i = 0; ; i++) {
        await journal.accept({ ...${JSON.stringify(task('x'))}, id: 't' + i })
        console.log('t' + i)
      }`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script, path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exited = new Promise((resolve) => child.once('exit', resolve))
    let promised = ''
    for await (const part of child.stdout) {
      promised += String(part)
      if (promised.split('\n').length > 20) child.kill('SIGKILL')
    }
    await exited
    const journal = await Journal.open(await folder(path))
    const ids = promised.split('\n').slice(0, -1)
    expect(ids.length).toBeGreaterThanOrEqual(20)
    expect(ids.filter((id) => !journal.entries.has(id))).toEqual([])
  } finally {
    await rm(path, { recursive: true, force: true })
  }
})

test('what a person did at the site is kept until it is settled, through restarts and compaction', async () => {
  const disk = new FakeDisk()
  const journal = await Journal.open(disk)
  const action = { id: 'l1', node: 'n', action: 'power' as const, target: 'off', at: 1, by: 'ada', fenced: false }
  await journal.local(action)
  await journal.local({ ...action, outcome: { ok: true } })
  await journal.accept(task('t1'))
  for (let i = 0; i < 20; i++) await journal.result('t1', 1, { ok: true, value: 'x'.repeat(60_000) })
  expect(disk.files.get('journal')!.length, 'it was compacted').toBeLessThan(500_000)
  const again = await Journal.open(disk)
  expect([...again.locals.values()]).toEqual([{ ...action, outcome: { ok: true } }])
  await again.forget('l1')
  expect((await Journal.open(disk)).locals.size).toBe(0)
})
