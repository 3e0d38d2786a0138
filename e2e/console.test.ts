// The console of a machine from the API to its serial line, and again after its conductor has been restarted.
import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import type { ScreenInfo } from '../site-conductor/screens/door.ts'
import { view } from '../sim/viewer.ts'
import { startStory, type Story } from './story.ts'

interface Console {
  readonly console_enabled: boolean
  readonly console_info: { readonly type: string; readonly url: string } | null
}

async function login({ machine, until }: Story, { console_info: info }: Console, name: string): Promise<void> {
  const { serial } = machine.bmc
  const { hostname, port } = new URL(info!.url)
  const client = connect(Number(port), hostname)
  await once(client, 'connect')
  let seen = ''
  client.on('data', (data) => void (seen += data.toString()))
  client.write(`${name}\r`)
  await until(`what ${name} typed`, () => serial.typed.endsWith(`${name}\r`))
  serial.say(`Hello ${name}`)
  await until('an answer', () => seen === `Hello ${name}`)
  client.destroy()
  await until('the end of the console', () => !serial.isActive)
}

test('a console is switched on, used, there again after a restart of the conductor, and switched off', async (context) => {
  await using story = await startStory(context, { conductorConfig: { consolePorts: '22000-22999' } })
  const { api, site, node, reach, until } = story
  const look = async () => (await api.call('GET', `/nodes/${node}/states/console`)) as Console
  const turn = (enabled: boolean) => api.call('PUT', `/nodes/${node}/states/console`, { enabled })
  await api.provision(node, 'manage')
  await reach('manageable')
  expect(await look()).toEqual({ console_enabled: false, console_info: null })

  await turn(true)
  const on = await until('a console', async () => ((await look()).console_enabled ? look() : undefined))
  expect(on.console_info).toEqual({ type: 'socat', url: expect.stringMatching(/^tcp:\/\/127\.0\.0\.1:22\d{3}$/) })
  await login(story, on, 'root')

  await site.conductor.kill()
  await site.conductor.start()
  const again = await until('the console again', async () => {
    const seen = await look().catch(() => undefined)
    return seen?.console_info ? seen : undefined
  })
  await login(story, again, 'admin')

  await turn(false)
  await until('its end', async () => !(await look()).console_enabled)
  expect(await look()).toEqual({ console_enabled: false, console_info: null })
})

test('a machine with a Redfish BMC has the serial console that IPMI gives, by a login of its own', async (context) => {
  await using story = await startStory(context, { driver: 'redfish', conductorConfig: { consolePorts: '22000-22999' } })
  const { api, machine, node, reach, until } = story
  const path = `/nodes/${node}/states/console`
  const verdict = async () =>
    ((await api.call('GET', `/nodes/${node}/validate`)) as Record<string, { result: boolean; reason?: string }>)[
      'console'
    ]
  await api.provision(node, 'manage')
  await reach('manageable')
  expect(await api.node(node)).toMatchObject({ console_interface: 'no-console' })
  await api.patchNode(node, { console_interface: 'ipmitool-socat' })
  expect(await verdict()).toMatchObject({
    result: false,
    reason: expect.stringMatching(
      /ipmi_address is missing; set ipmi_address, ipmi_username and ipmi_password/,
    ) as string,
  })
  await expect(api.call('PUT', path, { enabled: true })).rejects.toMatchObject({ status: 400 })

  const { driver_info } = (await api.node(node)) as unknown as { driver_info: object }
  const { bmc } = machine
  const ipmi = { ipmi_address: bmc.address, ipmi_port: bmc.port, ipmi_username: 'admin' }
  const fields = Object.entries({ ...ipmi, ipmi_password: machine.options.bmcPassword })
  await api.call(
    'PATCH',
    `/nodes/${node}`,
    fields.map(([name, value]) => ({ op: 'add', path: `/driver_info/${name}`, value })),
  )
  expect(await api.node(node)).toMatchObject({ driver_info: { ...driver_info, ...ipmi, ipmi_password: '******' } })
  expect(await verdict()).toEqual({ result: true })

  await api.call('PUT', path, { enabled: true })
  const on = await until('a console', async () => {
    const seen = (await api.call('GET', path)) as Console
    return seen.console_enabled ? seen : undefined
  })
  await login(story, on, 'root')
  await reach('manageable')
  // It can be switched off whatever has become of its login.
  await api.call('PATCH', `/nodes/${node}`, [{ op: 'remove', path: '/driver_info/ipmi_address' }])
  await api.call('PUT', path, { enabled: false })
  await until('its end', async () => !(await api.node(node))['console_enabled'])
})

test('the screen of a machine is asked for, seen once by each who asks, and there again after a restart of the conductor', async (context) => {
  await using story = await startStory(context, { driver: 'redfish', conductorConfig: { consolePorts: '22000-22999' } })
  const { api, machine, node, reach, site, until } = story
  const path = `/nodes/${node}/states/console`
  const look = async () => (await api.call('GET', path)) as Omit<Console, 'console_info'> & { console_info: ScreenInfo }
  await api.provision(node, 'manage')
  await reach('manageable')
  await api.patchNode(node, { console_interface: 'redfish-graphical' })
  await api.call('PUT', path, { enabled: true })
  const { console_info: info } = await until('a console', async () => {
    const seen = await look()
    return seen.console_enabled ? seen : undefined
  })
  expect(info).toMatchObject({
    type: 'vnc',
    url: expect.stringMatching(
      /^http:\/\/127\.0\.0\.1:\d+\/vnc_auto\.html\?path=websockify%3Fnode%3D[\w-]+%26token%3D[\w-]{32}$/,
    ) as string,
    address: expect.stringMatching(/^127\.0\.0\.1:22\d{3}$/) as string,
  })
  await reach('manageable')
  const viewer = await view(info)
  viewer.press(0x61)
  await until('the key', () => machine.redfish!.keys.length === 1)
  await expect(view(info), 'with the same password').rejects.toThrow('the password is wrong, used or too old')

  await site.conductor.kill()
  await viewer.ended
  await site.conductor.start()
  const again = await until('the console again', async () => {
    const seen = await look().catch(() => undefined)
    return seen?.console_info ? seen : undefined
  })
  const other = await view(again.console_info)
  other.socket.destroy()
  const said = async (type: string) => (await api.timeline(node)).some((entry) => entry.type === type)
  await until('its timeline', async () => (await said('console.joined')) && (await said('console.left')))
  await api.call('PUT', path, { enabled: false })
  await until('its end', async () => !(await look()).console_enabled)
})

test.for(['fake-hardware', 'manual-management'])(
  'a node of %s has a screen that shows who it is',
  async (driver, context) => {
    const conductorConfig = { consolePorts: '22000-22999', boot: false, drivers: [driver] }
    await using story = await startStory(context, { machines: 0, conductorConfig })
    const { api, reach, until } = story
    const made = await api.call('POST', '/nodes', { driver, name: 'node-7', console_interface: 'fake-graphical' })
    const { uuid } = made as { uuid: string }
    await api.provision(uuid, 'manage')
    await reach('manageable', uuid)
    const path = `/nodes/${uuid}/states/console`
    await api.call('PUT', path, { enabled: true })
    const info = await until('a console', async () => {
      const { console_enabled, console_info } = (await api.call('GET', path)) as Console
      return console_enabled && console_info
    })
    const viewer = await view(info as ScreenInfo)
    expect(viewer.name).toBe('node-7')
    await reach('manageable', uuid)
    await api.call('PUT', path, { enabled: false })
    await viewer.ended
  },
)
