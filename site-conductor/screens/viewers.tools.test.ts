// Screens as the viewers of others see them, each pixel: Net::VNC over TCP with the password, TightVNC's over the WebSocket that browsers use.
import { expect, test } from 'vitest'
import { TestPicture } from '../drivers/graphical/test-picture.ts'
import { ConsoleBench } from './testdata/console-bench.ts'
import { netVnc, type Seen, throughWebSocket, vncSnapshot } from './testdata/viewers.ts'

const NAME = 'Rack 7.node-3'
const GRANT = { driver: 'fake-hardware', name: NAME, interfaces: { console: 'fake-graphical' } }
/** Above what moves. */
const STILL_ROWS = 370
/** Of a JPEG, where colours meet. */
const BLUR = 60

/** How many of the pixels that do not move are further from what they shall be than `most`, in any colour. */
function unlike({ at }: Seen, { picture }: TestPicture, most = 0): number {
  const isUnlike = (i: number) => {
    const [seen, wanted] = [at(i % picture.width, Math.floor(i / picture.width)), picture.pixels[i]!]
    return [0, 8, 16].some((shift) => Math.abs(((seen >> shift) & 0xff) - ((wanted >> shift) & 0xff)) > most)
  }
  return Array.from({ length: picture.width * STILL_ROWS }, (_, i) => i).filter(isUnlike).length
}

const picture = (power: string, key?: number) => {
  const made = new TestPicture({ name: NAME, uuid: 'n' })
  made.power(power)
  if (key !== undefined) made.key(key, true)
  made.draw()
  return made
}

test('Net::VNC shows whose screen it is, its power and the key that was pressed', async () => {
  await using bench = await ConsoleBench.start(GRANT)
  await bench.on()
  const first = await bench.info()
  const seen = await netVnc(first.address, first.password)
  expect([seen.width, seen.height]).toEqual([640, 400])
  expect(unlike(seen, picture('power off'))).toBe(0)
  expect(await bench.task('power.power_on')).toEqual({ ok: true })
  const second = await bench.info()
  const later = await netVnc(second.address, second.password, [0x61])
  expect(unlike(later, picture('power on', 0x61))).toBe(0)
  expect(unlike(later, picture('power on', 0x62)), 'another key is another picture').toBeGreaterThan(0)
  await expect(netVnc(second.address, second.password), 'a password is used once').rejects.toThrow('login failed')
})

test("TightVNC's viewer shows the same over the WebSocket", async () => {
  await using bench = await ConsoleBench.start(GRANT)
  await bench.task('power.power_off')
  await bench.on()
  const { url } = await bench.info()
  const bridge = await throughWebSocket(url)
  const seen = await vncSnapshot(bridge.address)
  expect(unlike(seen, picture('power off'), BLUR)).toBe(0)
  expect(unlike(seen, picture('power on'), BLUR)).toBeGreaterThan(0)
  bridge.close()
  await expect(throughWebSocket(url), 'a token is used once').rejects.toThrow('403')
})
