// A screen in a browser: the page that the conductor serves, noVNC in it, in Debian's Chromium. Each pixel that does not move, and a key.
import { expect, test } from 'vitest'
import { TestPicture } from '../drivers/graphical/test-picture.ts'
import { Browser } from './testdata/browser.ts'
import { ConsoleBench } from './testdata/console-bench.ts'

const NAME = 'Rack 7.node-3'
const STILL_ROWS = 370

/** Of the viewer's canvas: red, green, blue and opacity of each pixel. */
const CANVAS = `(() => {
  const canvas = document.querySelector('#screen canvas')
  const { data } = canvas.getContext('2d').getImageData(0, 0, 640, ${STILL_ROWS})
  let text = ''
  for (let i = 0; i < data.length; i += 0x8000) text += String.fromCharCode(...data.subarray(i, i + 0x8000))
  return btoa(text)
})()`

async function unlike(browser: Browser, key: number | undefined): Promise<number> {
  const wanted = new TestPicture({ name: NAME, uuid: 'n' })
  wanted.power('power off')
  if (key !== undefined) wanted.key(key, true)
  wanted.draw()
  const seen = Buffer.from(await browser.evaluate<string>(CANVAS), 'base64')
  const { pixels } = wanted.picture
  return Array.from({ length: seen.length / 4 }, (_, i) => i).filter((i) => seen.readUIntBE(4 * i, 3) !== pixels[i])
    .length
}

test('a browser shows the screen, types into it, and cannot come back with the same address', async () => {
  await using bench = await ConsoleBench.start({
    driver: 'fake-hardware',
    name: NAME,
    interfaces: { console: 'fake-graphical' },
  })
  await bench.on()
  const { url } = await bench.info()
  await using browser = await Browser.open(url)
  const state = () => browser.evaluate<string>(`document.getElementById('state')?.value`)
  await expect.poll(state, { timeout: 20_000 }).toBe(NAME)
  await expect.poll(() => unlike(browser, undefined), { timeout: 10_000 }).toBe(0)
  await browser.evaluate(`document.querySelector('#screen canvas').focus()`)
  await browser.press('k')
  await expect.poll(() => unlike(browser, 'k'.charCodeAt(0)), { timeout: 10_000 }).toBe(0)

  expect(await bench.task('console.stop_console')).toEqual({ ok: true })
  await expect.poll(state, { timeout: 10_000 }).toContain('ask for it again')
  await bench.on()
  await browser.evaluate('location.reload()')
  await expect.poll(state, { timeout: 10_000 }).toContain('ask for it again')
})
