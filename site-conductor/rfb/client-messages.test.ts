// What clients send, piece by piece; and what may come of bytes that nobody understands.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { systemEnv } from '../../shared/env.ts'
import { TestPicture } from '../drivers/graphical/test-picture.ts'
import { type ClientMessage, takeMessage } from './client-messages.ts'
import { enter, welcome } from './handshake.ts'
import { serveDesktop } from './serve.ts'
import { RfbError, RfbStream } from './stream.ts'
import { pair, saying } from './testing.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
const FORMAT = hex('00 000000 20 18 01 01 00ff 00ff 00ff 10 08 00 000000')
const messages: readonly [string, Buffer, ClientMessage][] = [
  ['SetPixelFormat', FORMAT, {
    kind: 'pixel format',
    format: { bytesPerPixel: 4, isBigEndian: true, channels: [16, 8, 0].map((shift) => ({ max: 255, shift })) },
  }],
  ['SetEncodings', hex('02 00 0002 00000000 ffffff11'), { kind: 'encodings' }],
  ['FramebufferUpdateRequest', hex('03 01 0001 0002 0280 0190'), {
    kind: 'request', isIncremental: true, area: { x: 1, y: 2, width: 640, height: 400 },
  }],
  ['KeyEvent', hex('04 01 0000 0000ff0d'), { kind: 'key', isDown: true, keysym: 0xff0d }],
  ['PointerEvent', hex('05 04 0010 0020'), { kind: 'pointer', buttons: 4, x: 16, y: 32 }],
  ['ClientCutText', hex('06 000000 00000003 616263'), { kind: 'text' }],
] // prettier-ignore

test.each(messages)('%s', async (_, bytes, message) => {
  expect(await takeMessage(saying(bytes).stream)).toEqual(message)
})

test('messages that come byte by byte are the same', async () => {
  const bytes = Buffer.concat(messages.map(([, each]) => each))
  const { stream } = saying(...[...bytes].map((byte) => Buffer.of(byte)))
  for (const [, , message] of messages) expect(await takeMessage(stream)).toEqual(message)
})

test.each([
  ['an unknown type', hex('ff'), 'message type 255 is not known'],
  ['a colour map', FORMAT.with(7, 0), 'true colour only'],
  ['24 bits for a pixel', FORMAT.with(4, 24), '24 bits per pixel'],
  ['a colour beyond its pixel', FORMAT.with(14, 30), 'outside of its pixel'],
  ['a text of 4 GiB', hex('06 000000 ffffffff'), 'too long'],
  ['a message that is cut off', hex('04 01'), 'the connection was closed'],
])('%s is refused', async (_, bytes, why) => {
  await expect(takeMessage(saying(Buffer.from(bytes)).stream)).rejects.toThrow(why)
})

const noise = fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 8 })
/** Ends, and well or with an RfbError. */
const endsWell = async (work: Promise<unknown>) => {
  const [ended] = await Promise.allSettled([work])
  if (ended.status === 'rejected') expect(ended.reason).toBeInstanceOf(RfbError)
}

test('a hostile client, before and after it is let in, gets no further than its bytes', async () => {
  const client = fc.record({ isIn: fc.boolean(), parts: noise })
  await fc.assert(
    fc.asyncProperty(client, async ({ isIn, parts }) => {
      if (!isIn) return await endsWell(welcome(saying(...parts).stream))
      const [server, hostile] = pair()
      hostile.resume()
      const picture = new TestPicture({ name: null, uuid: 'n' })
      const serving = serveDesktop(new RfbStream(server), picture, systemEnv, new AbortController().signal)
      hostile.write(Buffer.of(1))
      for (const message of messages) if (parts.length % 2 === 0) hostile.write(message[1])
      for (const part of parts) hostile.write(part)
      hostile.end()
      await endsWell(serving)
      hostile.destroy()
    }),
    { numRuns: 300 },
  )
})

test('a hostile BMC is not entered, or left with what it says', async () => {
  const said = fc.tuple(fc.constantFrom('', 'RFB 003.003\n', 'RFB 003.007\n', 'RFB 003.008\n'), noise)
  await fc.assert(
    fc.asyncProperty(said, async ([version, parts]) => endsWell(enter(saying(version, ...parts).stream))),
    { numRuns: 500 },
  )
})
