// The screen of a machine behind a BMC that speaks RFB over a WebSocket, as the viewers of others see it through a conductor.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { colourAt, HEIGHT, WIDTH } from '../../../sim/bmc/redfish/kvm.ts'
import { type RunningRedfish, startRedfishBmc } from '../../../sim/bmc/redfish/start.ts'
import { ConsoleBench } from '../../screens/testdata/console-bench.ts'
import { netVnc, type Seen, throughWebSocket, vncSnapshot } from '../../screens/testdata/viewers.ts'

let bmc: RunningRedfish
beforeEach(async () => {
  bmc = await startRedfishBmc()
})
afterEach(() => bmc.close())

const start = (more = {}) => {
  const login = { redfish_address: bmc.url, redfish_username: 'admin', redfish_password: 'secret' }
  const driverInfo = { ...login, ...more }
  return ConsoleBench.start({ driver: 'redfish', driverInfo, interfaces: { console: 'redfish-graphical' } })
}

function unlike({ at }: Seen, power: 'on' | 'off', key: number | undefined, most = 0): number {
  const isUnlike = (i: number) => {
    const [x, y] = [i % WIDTH, Math.floor(i / WIDTH)]
    const [seen, wanted] = [at(x, y), colourAt(x, y, power, key)]
    return [0, 8, 16].some((shift) => Math.abs(((seen >> shift) & 0xff) - ((wanted >> shift) & 0xff)) > most)
  }
  return Array.from({ length: WIDTH * HEIGHT }, (_, i) => i).filter(isUnlike).length
}

test.each([
  ['a session', {}],
  ['basic authentication', { redfish_auth_type: 'basic' }],
])('Net::VNC shows the screen and types into it, by %s', async (_, more) => {
  await using bench = await start(more)
  await bench.on()
  const first = await bench.info()
  const seen = await netVnc(first.address, first.password)
  expect([seen.width, seen.height, unlike(seen, 'off', undefined)]).toEqual([WIDTH, HEIGHT, 0])
  bmc.machine.chassis.control('on')
  const second = await bench.info()
  const later = await netVnc(second.address, second.password, [0x61, 0xff0d])
  expect(unlike(later, 'on', 0xff0d)).toBe(0)
  expect(unlike(later, 'off', 0xff0d)).toBe((WIDTH * HEIGHT) / 4 - 400)
  expect(bmc.keys).toEqual([0x61, 0xff0d])
  await expect.poll(() => bmc.viewers()).toBe(0)
  if (!('redfish_auth_type' in more)) await expect.poll(() => bmc.activeSessions()).toBeLessThanOrEqual(1)
})

test("TightVNC's viewer shows it over the WebSocket", async () => {
  await using bench = await start()
  await bench.on()
  const bridge = await throughWebSocket((await bench.info()).url)
  expect(unlike(await vncSnapshot(bridge.address), 'off', undefined, 60)).toBe(0)
  bridge.close()
})
