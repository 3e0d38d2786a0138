// The screen behind a BMC through a whole conductor: whom it refuses and why, one viewer at a time, and its end with the console, the BMC or the node.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type RunningRedfish, startRedfishBmc } from '../../../sim/bmc/redfish/start.ts'
import { fakeContext } from '../../testing/fake-context.ts'
import { fakeGrant } from '../../testing/fake-hub.ts'
import { pair } from '../../rfb/testing.ts'
import { ConsoleBench } from '../../screens/testdata/console-bench.ts'
import { view } from '../../../sim/viewer.ts'
import driver from '../redfish.ts'

let bmc: RunningRedfish
let bench: ConsoleBench
beforeEach(async () => {
  bmc = await startRedfishBmc()
})
afterEach(async () => {
  await bench[Symbol.asyncDispose]()
  await bmc.close()
})

async function start(more = {}): Promise<ConsoleBench> {
  const login = { redfish_address: bmc.url, redfish_username: 'admin', redfish_password: 'secret' }
  const driverInfo = { ...login, ...more }
  bench = await ConsoleBench.start({ driver: 'redfish', driverInfo, interfaces: { console: 'redfish-graphical' } })
  return bench
}
const verdict = async () => ((await bench.call('node', 'validate')).result as Record<string, unknown>)['console']

test.each([
  ['page', 'driver.unsupported', 'what it has for browsers is its vendor’s own'],
  ['none', 'driver.unsupported', 'there is no screen (RFB over a WebSocket) at /kvm/0 (404)'],
  ['oem', 'driver.unsupported', 'of a kind that is not known here (OEM)'],
  ['off', 'driver.unsupported', 'is switched off (Manager.GraphicalConsole.ServiceEnabled)'],
  ['cookie', 'bmc.refused', 'older OpenBMC lets only browsers in'],
] as const)(
  'a BMC with a console of the kind %s is refused, and so is its validation from then on',
  async (kvm, code, why) => {
    await start()
    bmc.quirks.kvm = kvm
    expect(await verdict(), 'nobody has asked the BMC yet').toEqual({ result: true })
    const message = expect.stringContaining(why.replace('’', "'")) as string
    expect(await bench.task('console.start_console')).toMatchObject({ ok: false, fault: { code, message } })
    expect(await bench.info()).toBeNull()
    if (code !== 'driver.unsupported') return
    expect(await verdict()).toEqual({ result: false, reason: message })
    bmc.quirks.kvm = 'token'
    await bench.on()
    expect(await verdict()).toEqual({ result: true })
  },
)

test.each([
  ['a wrong password', { redfish_password: 'wrong' }, 'bmc.authentication'],
  ['a user who may only look', { redfish_username: 'viewer', redfish_password: 'view' }, 'bmc.privilege'],
  ['another path', { redfish_kvm_path: '/redfish/v1' }, 'driver.unsupported'],
])('%s fails the start', async (_, more, code) => {
  await start(more)
  expect(await bench.task('console.start_console')).toMatchObject({ ok: false, fault: { code } })
})

test('one viewer at a time types into the machine, and the next is told that it has to wait', async () => {
  await start()
  await bench.on()
  const first = await view(await bench.info())
  expect(first.name).toBe('Simulated BMC')
  await expect(view(await bench.info())).rejects.toThrow('the console is in use')
  first.press(0x7a)
  await expect.poll(() => bmc.keys).toEqual([0x7a])
  first.socket.destroy()
  await expect.poll(() => bmc.viewers()).toBe(0)
  const second = await view(await bench.info())
  second.socket.destroy()
})

test('a console that is stopped ends its viewer, and a ticket of before lets nobody in', async () => {
  await start()
  await bench.on()
  const [viewer, old] = [await view(await bench.info()), await bench.info()]
  expect(await bench.task('console.stop_console')).toEqual({ ok: true })
  await viewer.ended
  expect(bmc.viewers()).toBe(0)
  await expect(view(old)).rejects.toThrow()
  await bench.on()
  await expect(view({ ...old, address: (await bench.info()).address })).rejects.toThrow('the password is wrong')
})

test('with the node the viewer goes, before the node is given back', async () => {
  await start()
  await bench.on()
  const viewer = await view(await bench.info())
  const { hub } = bench.site
  const { epoch } = hub.grants.get('n')!
  hub.send({ type: 'grants', session: hub.session, ringVersion: 2, add: [], drop: ['n'], last: true })
  await hub.next('released', (frame) => frame.node === 'n' && frame.epoch === epoch)
  expect(bmc.viewers()).toBe(0)
  await viewer.ended
})

test('nothing is typed into a machine that is not ours any more', async () => {
  const { node, driverInfo } = (await start()).site.hub.grants.get('n')!
  const context = await fakeContext(driver, { node: fakeGrant(node, { driver: 'redfish', driverInfo }) })
  const [client, viewer] = pair()
  const accepted = Promise.withResolvers<void>()
  const joined = driver.interfaces.console!['redfish-graphical']!.join!(context, client, accepted.resolve)
  await accepted.promise
  const key = Buffer.from('0401000000000061', 'hex')
  viewer.write(Buffer.concat([Buffer.of(1), key]))
  await expect.poll(() => bmc.keys).toEqual([0x61])
  context.refused = true
  viewer.write(key)
  await expect(joined).rejects.toMatchObject({ fault: { code: 'fenced' } })
  expect(bmc.keys).toEqual([0x61])
  await context.close()
})

test('a BMC that is gone ends the viewer, and the next one is told why it sees nothing', async () => {
  await start()
  await bench.on()
  const viewer = await view(await bench.info())
  await bmc.close()
  await viewer.ended
  await expect(view(await bench.info())).rejects.toThrow('the connection is refused')
})
