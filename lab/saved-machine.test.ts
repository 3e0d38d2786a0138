// The parts of saved machines that need none: the monitor's protocol, and which entries of the cache go.
import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Qmp } from './qmp.ts'
import { removeExpired } from './saved-machine.ts'

describe('the monitor', () => {
  const connect = () => {
    const [input, output] = [new PassThrough(), new PassThrough()]
    const asked: { execute: string; id: number }[] = []
    input.on('data', (line: Buffer) => asked.push(JSON.parse(line.toString())))
    const say = (message: unknown) => output.write(`${JSON.stringify(message)}\n`)
    return { qmp: new Qmp(input, output, () => 'its last words'), asked, say, output }
  }

  test('answers go to who asked, in whatever order they and events come', async () => {
    const { qmp, asked, say } = connect()
    say({ QMP: { version: {} } })
    const [first, second] = [qmp.execute('one'), qmp.execute('two')]
    await expect.poll(() => asked.length).toBe(2)
    say({ event: 'STOP' })
    say({ id: asked[1]!.id, return: 2 })
    say({ id: asked[0]!.id, return: 1 })
    expect(await Promise.all([first, second])).toEqual([1, 2])
  })

  test('an error is QEMU’s own words behind the command that it answers', async () => {
    const { qmp, asked, say } = connect()
    const refused = qmp.execute('device_add')
    await expect.poll(() => asked.length).toBe(1)
    say({ id: asked[0]!.id, error: { class: 'GenericError', desc: 'no such bus' } })
    await expect(refused).rejects.toThrow('device_add: no such bus')
  })

  test('the end of QEMU ends the waiting, and says what QEMU said', async () => {
    const { qmp, output } = connect()
    const waiting = qmp.execute('migrate')
    output.end()
    await expect(waiting).rejects.toThrow('its last words')
    await expect(qmp.execute('cont')).rejects.toThrow('its last words')
  })

  test('a state that means failure is not waited out', async () => {
    const { qmp, asked, say } = connect()
    const done = qmp.status('query-migrate', 'completed', ['failed'], 60_000)
    await expect.poll(() => asked.length).toBe(1)
    say({ id: asked[0]!.id, return: { status: 'failed', 'error-desc': 'disk full' } })
    await expect(done).rejects.toThrow('disk full')
  })
})

describe('entries of the cache', () => {
  const DAY_MS = 86_400_000
  let root = ''
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'ferrule-saved-test-'))
  })
  afterEach(() => rmSync(root, { recursive: true }))

  const entry = (name: string, { usedDays, madeDays }: { usedDays: number; madeDays: number }) => {
    mkdirSync(join(root, name))
    const state = join(root, name, 'machine.state')
    writeFileSync(state, '')
    const ago = (days: number) => new Date(Date.now() - days * DAY_MS)
    utimesSync(state, ago(madeDays), ago(madeDays))
    utimesSync(join(root, name), ago(usedDays), ago(usedDays))
  }
  const there = (name: string) => existsSync(join(root, name))

  test('go when nobody used them for days, when certificates inside grow old, and never those of others', () => {
    entry('saved-agent-wanted', { usedDays: 10, madeDays: 10 })
    entry('saved-agent-recent', { usedDays: 1, madeDays: 10 })
    entry('saved-agent-unused', { usedDays: 3, madeDays: 10 })
    entry('.saved-agent-unused.1.abc', { usedDays: 1, madeDays: 1 })
    entry('.saved-agent-made-now.1.abc', { usedDays: 0, madeDays: 0 })
    entry('saved-other-unused', { usedDays: 3, madeDays: 40 })
    removeExpired(root, 'agent', 'saved-agent-wanted')
    expect(['wanted', 'recent', 'unused'].map((name) => there(`saved-agent-${name}`))).toEqual([true, true, false])
    expect(there('saved-other-unused')).toBe(true)
    expect([there('.saved-agent-unused.1.abc'), there('.saved-agent-made-now.1.abc')]).toEqual([false, true])
    utimesSync(join(root, 'saved-agent-wanted', 'machine.state'), 0, 0)
    removeExpired(root, 'agent', 'saved-agent-wanted')
    expect(there('saved-agent-wanted')).toBe(false)
    removeExpired(join(root, 'not-there'), 'agent', 'x')
  })
})
