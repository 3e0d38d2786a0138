// What a client that means ill, or a picture that fails, does to the server: it ends that client, and nothing else.
import { expect, test } from 'vitest'
import { systemEnv } from '../../shared/env.ts'
import { Picture } from './pixels.ts'
import { type Desktop, serveDesktop } from './serve.ts'
import { RfbError, RfbStream } from './stream.ts'
import { pair } from './testing.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
const ALL = { x: 0, y: 0, width: 4, height: 4 }

function served(draw: Desktop['draw'], signal = new AbortController().signal) {
  const [client, server] = pair()
  const picture = new Picture(4, 4)
  picture.paint(ALL, 0xffffff)
  client.resume()
  client.write(Buffer.of(1))
  const quick = { ...systemEnv, setTimer: (_: number, run: () => void) => systemEnv.setTimer(1, run) }
  return { client, ended: serveDesktop(new RfbStream(server), { name: 'd', picture, draw, key() {} }, quick, signal) }
}

test.each([
  ['in the same bits', '08 08 00 01 00ff 00ff 00ff 00 00 00'],
  ['by one bit', '20 18 00 01 ffff 0003 0001 00 0f 1f'],
])('colours that lie over each other %s are refused, for no pixel holds their sum', async (_, format) => {
  const { client, ended } = served(() => ALL)
  client.write(hex(`00 000000 ${format} 000000`))
  client.write(hex('03 01 0000 0000 0004 0004'))
  await expect(ended).rejects.toThrow(new RfbError('a colour lies over another'))
})

test('a picture that cannot be drawn ends the one who sees it, with the reason', async () => {
  let drawn = 0
  const { client, ended } = served(() => {
    if (++drawn > 2) throw new Error('no picture')
    return undefined
  })
  await expect(ended).rejects.toThrow('no picture')
  expect(client.destroyed || client.readableEnded).toBe(true)
})

test('a client that comes when its node is given back is not kept', async () => {
  const { ended } = served(() => undefined, AbortSignal.abort(new Error('given back')))
  await expect(ended).rejects.toThrow('given back')
})
