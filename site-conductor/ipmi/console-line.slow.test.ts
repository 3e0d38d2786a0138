// A console against the simulated BMC: what is typed and what is said arrives whole and in order, whatever gets lost on the way.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type RunningBmc, startBmc } from '../../sim/bmc/start.ts'
import { activateSol, deactivateSol } from './commands/payload.ts'
import { ConsoleLine } from './console-line.ts'
import { nodeEnv } from './env.ts'
import { openSession, type Session } from './session.ts'

let bmc: RunningBmc
let session: Session
let line: ConsoleLine
let said: string
let why: Promise<Error>
let mayType = true

/** Resolves when the machine has said this much. */
let heard: (text: string) => Promise<void>

beforeEach(async () => {
  bmc = await startBmc()
  const login = { host: bmc.address, port: bmc.port, username: 'admin', password: 'secret' }
  session = await openSession({ ...login, privilege: 'administrator', timeoutMs: 100 })
  const most = await activateSol(session)
  said = ''
  mayType = true
  const ended = Promise.withResolvers<Error>()
  const waiting: { text: string; resolve: () => void }[] = []
  why = ended.promise
  heard = (text) =>
    new Promise((resolve) => {
      waiting.push({ text, resolve })
      check()
    })
  const check = () => {
    for (const each of waiting) if (said.includes(each.text)) each.resolve()
  }
  line = new ConsoleLine({
    env: nodeEnv(),
    carrier: session,
    most,
    retryMs: 20,
    before() {
      if (!mayType) throw new Error('not ours')
    },
    onData(data) {
      said += Buffer.from(data).toString()
      check()
    },
    onEnd: ended.resolve,
  })
})
afterEach(async () => {
  line.close()
  await session.close()
  await bmc.close()
})

const long = (word: string) => Array.from({ length: 60 }, (_, i) => `${word} ${i}\n`).join('')

test('what is typed reaches the machine, and what it says comes back', async () => {
  await line.write(Buffer.from('root\n'))
  expect(bmc.serial.typed).toBe('root\n')
  bmc.serial.say(`${long('line')}login: `)
  await heard('login: ')
  expect(said).toBe(`${long('line')}login: `)
})

test('a packet that is accepted in part is followed by the rest', async () => {
  bmc.serial.faults.acceptsAtOnce = 5
  await line.write(Buffer.from(long('typed')))
  expect(bmc.serial.typed).toBe(long('typed'))
})

test('a BMC that takes no characters for now gets them later', async () => {
  bmc.serial.faults.unavailable = 3
  await line.write(Buffer.from('reboot\n'))
  expect(bmc.serial.typed).toBe('reboot\n')
})

test.each([
  // A tenth: a third of all lost both ways is eight in a row now and then, and those end a console.
  ['lost', { drop: 0.1 }],
  ['doubled', { duplicate: 0.5 }],
  ['swapped', { reorder: 0.3 }],
])('packets that are %s change nothing of what arrives', async (_, faults) => {
  Object.assign(bmc.network, faults)
  const typing = line.write(Buffer.from(long('typed')))
  bmc.serial.say(`${long('said')}.`)
  await Promise.all([typing, heard('.')])
  expect([bmc.serial.typed, said]).toEqual([long('typed'), `${long('said')}.`])
})

test('a break is one, between what is typed before and after', async () => {
  await Promise.all([line.write(Buffer.from('a')), line.sendBreak(), line.write(Buffer.from('b'))])
  expect(bmc.serial.typed).toBe('aBREAKb')
})

test('a console that the BMC ends is over, and says so', async () => {
  bmc.serial.drop()
  expect(await why).toMatchObject({ kind: 'closed', message: expect.stringContaining('ended the console') })
  await line.write(Buffer.from('nobody hears it'))
  expect(bmc.serial.typed).toBe('')
})

test('a BMC that falls silent ends it after eight packets', async () => {
  bmc.network.silent = true
  const typing = line.write(Buffer.from('hello'))
  expect(await why).toMatchObject({ kind: 'session-lost', message: expect.stringContaining('sent 8 times') })
  await typing
})

test('nothing is typed into a machine that is not ours any more', async () => {
  mayType = false
  await line.write(Buffer.from('halt\n'))
  expect((await why).message).toBe('not ours')
  expect(bmc.serial.typed).toBe('')
})

test('a console that somebody else has is refused by name, and ended from outside', async () => {
  await expect(activateSol(session)).rejects.toMatchObject({
    completionCode: 0x80,
    message: expect.stringContaining('active in another session'),
  })
  await deactivateSol(session)
  expect(await why).toMatchObject({ kind: 'closed' })
  await deactivateSol(session)
  expect(bmc.serial.isActive).toBe(false)
})

test('a BMC whose console is switched off says so', async () => {
  await deactivateSol(session)
  bmc.serial.faults.enabled = false
  await expect(activateSol(session)).rejects.toThrow(/switched off at the BMC/)
})
