// The real process: SIGKILL in the middle of a step, a second start, SIGTERM.
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fakeGrant } from './testing/fake-hub.ts'
import { type FakeSite, fakeSite } from './testing/fake-site.ts'

let site: FakeSite
const children: ChildProcess[] = []

beforeEach(async () => {
  site = await fakeSite()
})
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await site.close()
})

function start() {
  const flags = ['--data-dir', site.dataDir, '--boot', 'false', '--drivers', 'fake-hardware', '--log-format', 'text']
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), 'run', ...flags], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  children.push(child)
  let log = ''
  child.stderr.on('data', (part) => (log += String(part)))
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
  })
  return { child, exited, log: () => log }
}

test('after SIGKILL in the middle of a step the next process goes on at that step and SIGTERM ends it well', async () => {
  const { hub } = site
  const node = 'killed'
  hub.grants.set(node, fakeGrant(node, { driverInfo: { fake_delay_ms: 150 } }))
  const first = start()
  await hub.next('hello')
  const power = (step: string) => ({ interface: 'power', step, args: {} })
  hub.give({ id: 't1', node, steps: [power('power_on'), power('power_off'), power('power_on')] })
  await hub.next('event', ({ events }) => events.some(({ step, kind }) => step === 1 && kind === 'started'))
  first.child.kill('SIGKILL')
  expect(await first.exited).toEqual({ code: null, signal: 'SIGKILL' })

  const second = start()
  const hello = await hub.until(() => hub.all('hello')[1])
  expect(hello.inflight).toEqual([{ task: 't1', node, epoch: 1 }])
  expect(await hub.next('result')).toMatchObject({ id: 't1', epoch: 2, outcome: { ok: true } })
  const started = hub
    .all('event')
    .flatMap(({ events }) => events.filter(({ kind }) => kind === 'started').map(({ step }) => step))
  expect(started).toEqual([0, 1, 1, 2])
  const numbers = hub.all('event').flatMap(({ events }) => events.map(({ n }) => n))
  expect(numbers).toEqual(numbers.map((_, i) => i + 1))
  second.child.kill('SIGTERM')
  expect(await second.exited).toEqual({ code: 0, signal: null })
}, 60_000)

test('a conductor that the cloud refuses ends with exit code 4 and says why', async () => {
  site.hub.publicKey = site.siteKey.publicKey
  const { exited, log } = start()
  expect(await exited).toEqual({ code: 4, signal: null })
  expect(log()).toContain('clock')
}, 60_000)
