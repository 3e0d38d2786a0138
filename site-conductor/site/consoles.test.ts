// TCP ports of consoles without a driver behind them: how many clients, for how long, and which ports.
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { systemEnv } from '../../shared/env.ts'
import { FaultError } from '../../shared/faults.ts'
import { Consoles, type ConsolesOptions } from './consoles.ts'
import { fakeGrant } from '../testing/fake-hub.ts'
import { Grants } from '../link/grants.ts'
import { silent } from '../log.ts'
import { moment } from '../link/span.ts'

let consoles: Consoles
let grants: Grants

const made = (more: Partial<ConsolesOptions> = {}) => {
  grants = new Grants(systemEnv)
  grants.startLease({ from: moment(systemEnv), ms: 60_000 })
  for (const node of ['a', 'b']) grants.add(fakeGrant(node))
  const join: ConsolesOptions['join'] = async (_, client) => void (await once(client, 'close'))
  const ports = { first: 23_000, last: 23_999 }
  consoles = new Consoles({
    env: systemEnv,
    log: silent,
    grants,
    address: '127.0.0.1',
    ports,
    join,
    restart: async () => {},
    ...more,
  })
  return consoles
}
afterEach(async () => {
  await consoles.close()
  grants.lapse()
})

/** What is seen until it ends. */
async function visit(node: string): Promise<string> {
  const socket = connect(Number(new URL(consoles.urlOf(node)!).port), '127.0.0.1')
  let seen = ''
  socket.on('data', (data) => void (seen += data.toString()))
  await once(socket, 'end')
  socket.destroy()
  return seen
}

test('a console where neither side says anything for long is ended', async () => {
  await made({ idleMs: 20 }).start('a')
  expect(await visit('a')).toContain('idle for too long')
})

test('a client that cannot be joined is told why, and the next one may try', async () => {
  let tries = 0
  await made({ join: async () => Promise.reject(new FaultError('bmc.refused', `no console, ${++tries}`)) }).start('a')
  expect([await visit('a'), await visit('a')]).toEqual(['\r\n[no console, 1]\r\n', '\r\n[no console, 2]\r\n'])
})

test('a client that does not hang up when it is told to is hung up on', async () => {
  await made({ idleMs: 20 }).start('a')
  const { port } = new URL(consoles.urlOf('a')!)
  const socket = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true })
  await once(socket, 'connect')
  socket.resume()
  await once(socket, 'end')
  // It goes on as if nothing had been said, until nobody is there any more.
  const gone = new Promise((resolve) => socket.on('error', resolve).on('close', resolve))
  const typing = setInterval(() => socket.write('x'), 50)
  await gone
  clearInterval(typing)
  socket.destroy()
})

test('each node has a port of its own, and the same one however often it is started', async () => {
  const door = made()
  await Promise.all(['a', 'b', 'a'].map((node) => door.start(node)))
  const [a, b] = [door.urlOf('a'), door.urlOf('b')]
  expect(a).not.toBe(b)
  await door.start('a')
  expect(door.urlOf('a')).toBe(a)
  await door.stop('a')
  expect([door.urlOf('a'), door.urlOf('b')]).toEqual([undefined, b])
})

test('where no port is left it says so, and one that becomes free is taken', async () => {
  const door = made()
  await door.start('a')
  const port = Number(new URL(door.urlOf('a')!).port)
  await expect(door.start('b', port)).rejects.toMatchObject({ fault: { code: 'conflict' } })
  expect(door.urlOf('b')).toBeUndefined()
  await door.stop('a')
  await door.start('b', port)
  expect(door.urlOf('b')).toBe(`tcp://127.0.0.1:${port}`)
})

test('a node that is not ours has no console here', async () => {
  await expect(made().start('c')).rejects.toMatchObject({ fault: { code: 'fenced' } })
})

test('a failure to start one again is no failure of anything else', async () => {
  const asked: string[] = []
  const door = made({
    async restart({ grant: { node } }) {
      asked.push(node)
      throw new FaultError('conflict', 'taken')
    },
  })
  for (const node of ['a', 'b']) grants.add(fakeGrant(node, { epoch: 2, consoleEnabled: node === 'b' }))
  door.granted()
  door.granted()
  expect(asked).toEqual(['b'])
})

test('a console that is no longer to be on has no port, also where nobody could stop it', async () => {
  const door = made()
  await door.start('a')
  door.granted()
  expect(door.urlOf('a'), 'its start is not known to the cloud yet').toBeDefined()
  for (const more of [{ consoleEnabled: true }, {}]) {
    grants.add(fakeGrant('a', more))
    door.granted()
    expect(door.urlOf('a') !== undefined).toBe('consoleEnabled' in more)
  }
  await door.start('a')
  expect(door.urlOf('a'), 'somebody started it again').toBeDefined()
})

test('a console that is stopped, or whose node is lost, while it starts has no URL', async () => {
  made()
  const starting = consoles.start('a')
  await Promise.all([starting, consoles.stop('a')])
  expect(consoles.urlOf('a')).toBeUndefined()
  const other = consoles.start('b')
  grants.lapse()
  await other
  expect(consoles.urlOf('b')).toBeUndefined()
})
