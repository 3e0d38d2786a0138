// Versions and security of RFB: ours with ourselves, and word for word where the RFC has words.
import { expect, test } from 'vitest'
import { enter, welcome } from './handshake.ts'
import { RfbStream } from './stream.ts'
import { pair, saying } from './testing.ts'
import { responseTo } from './vnc-auth.ts'

const challenge = Uint8Array.from({ length: 16 }, (_, i) => i)
const asked = (password: string) => ({ challenge, judge: (is: (password: string) => boolean) => is(password) })

/** Both sides; how each of them ended. */
async function met(offered: string | undefined, given: string | undefined, more?: (stream: RfbStream) => void) {
  const [server, client] = pair().map((end) => new RfbStream(end)) as [RfbStream, RfbStream]
  const serving = welcome(server, offered === undefined ? undefined : asked(offered)).then(
    (welcomed) => (more === undefined ? welcomed.accept() : welcomed.refuse('no room')),
    (error: Error) => server.duplex.end() && error.message,
  )
  const entering = enter(client, given).then(
    () => 'in',
    (error: Error) => client.duplex.destroy() && error.message,
  )
  return { server: await serving, client: await entering }
}

test.each([
  ['whoever comes', undefined, undefined],
  ['whoever has the password', 'secret12', 'secret12'],
  ['eight characters of a password', 'secret12', 'secret123'],
])('%s is let in', async (_, offered, given) => {
  expect(await met(offered, given)).toEqual({ server: undefined, client: 'in' })
})

test('a wrong password is not, and says so', async () => {
  const { server, client } = await met('secret12', 'secret13')
  expect(server).toBe('a wrong password')
  expect(client).toContain('the password is wrong, used or too old')
})

test('a server that wants a password gets none from who has none', async () => {
  expect((await met('secret12', undefined)).client).toContain('security types 2')
})

test('who is let in and then refused is told why', async () => {
  expect((await met(undefined, undefined, () => {})).client).toBe('it lets nobody in: no room')
})

test('a challenge is answered as the RFC has it: DES with the bits of the password turned', () => {
  // FIPS 81's key 0123456789abcdef and its "Now is t", the key with each byte turned round.
  const password = Buffer.from('80c4a2e691d5b3f7', 'hex').toString('latin1')
  expect(responseTo(Buffer.from('Now is t'), password).toString('hex')).toBe('3fa40e8a984d4815')
})

test.each([
  ['003.003', Buffer.of(0, 0, 0, 1), ''],
  ['003.005', Buffer.of(0, 0, 0, 1), ''],
  ['003.007', Buffer.of(1, 1), '\u0001'],
  ['003.008', Buffer.of(1, 1), '\u0001'],
  ['004.001', Buffer.of(1, 1), '\u0001'],
])('a client of version %s is spoken to as it knows it', async (version, types, choice) => {
  const { stream, heard } = saying(`RFB ${version}\n`, choice)
  const welcomed = await welcome(stream)
  expect(heard()).toEqual(Buffer.concat([Buffer.from('RFB 003.008\n'), types]))
  const before = heard().length
  welcomed.accept()
  expect(heard().length - before, 'a result without authentication').toBe(version >= '003.008' ? 4 : 0)
})

test.each([
  ['no RFB', ['HTTP/1.1 400'], 'not RFB'],
  ['an old version', ['RFB 002.000\n'], 'it speaks RFB 2.0'],
  ['half a version', ['RFB 00'], 'the connection was closed'],
  ['nothing', [], 'the connection was closed'],
  ['no security at all', ['RFB 003.008\n', Buffer.of(0, 0, 0, 0, 3), 'b\nd'], 'it lets nobody in: b d'],
  ['an endless reason', ['RFB 003.008\n', Buffer.of(0, 0xff, 0xff, 0xff, 0xff)], 'too long'],
  ['an unknown security type', ['RFB 003.003\n', Buffer.of(0, 0, 0, 19)], 'security types 19'],
])('a server that says %s is not entered', async (_, said, why) => {
  await expect(enter(saying(...said).stream)).rejects.toThrow(why)
})
