// Where a screen is said to be, and what becomes of a port that somebody else has.
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { systemEnv } from '../../shared/env.ts'
import { silent } from '../log.ts'
import { Screens, type ScreensOptions } from './door.ts'

const opened: Screens[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((screens) => screens.close()))
})

function made(more: Partial<ScreensOptions> = {}): Screens {
  const on = new Set<string>()
  const screens = new Screens({
    env: systemEnv,
    log: silent,
    consoles: {
      start: async (node) => void on.add(node),
      stop: async (node) => void on.delete(node),
      urlOf: (node) => (on.has(node) ? 'tcp://[::1]:10001' : undefined),
      enter: async () => {},
    },
    address: '127.0.0.1',
    port: 0,
    ticketMs: 60_000,
    ...more,
  })
  opened.push(screens)
  return screens
}

test('a screen is told while it is on, another ticket each time', async () => {
  const screens = made()
  expect(screens.tell('n')).toBeUndefined()
  await screens.start('n')
  const [one, two] = [screens.tell('n')!, screens.tell('n')!]
  expect(one).toMatchObject({ type: 'vnc', address: '[::1]:10001' })
  expect(new URL(one.url).searchParams.get('path')).toMatch(/^websockify\?node=n&token=[\w-]{32}$/)
  expect([one.url === two.url, one.password === two.password]).toEqual([false, false])
  await screens.stop('n')
  expect(screens.tell('n')).toBeUndefined()
})

test('behind a proxy it is where the proxy is', async () => {
  const screens = made({ publicUrl: 'https://consoles.example/site-1' })
  await screens.start('n')
  expect(screens.tell('n')!.url).toMatch(/^https:\/\/consoles\.example\/site-1\/vnc_auto\.html\?path=/)
})

test('a port that somebody else has fails the start, and not the next one when it is free', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const screens = made({ port: (taken.address() as AddressInfo).port })
  await expect(screens.start('n')).rejects.toMatchObject({ fault: { code: 'conflict' } })
  await new Promise((resolve) => taken.close(resolve))
  await screens.start('n')
  expect(screens.tell('n')).toBeDefined()
})

test('a browser that has a token and then says nothing is not waited for', async () => {
  const timers: { ms: number; run: () => void }[] = []
  const env = { ...systemEnv, setTimer: (ms: number, run: () => void) => (timers.push({ ms, run }), () => {}) }
  const screens = made({ env })
  await screens.start('n')
  const page = new URL(screens.tell('n')!.url)
  const socket = new WebSocket(new URL(page.searchParams.get('path')!, page.href.replace('http', 'ws')))
  await once(socket, 'message')
  const closed = once(socket, 'close')
  for (const { ms, run } of timers) if (ms <= 10_000) run()
  await closed
})
