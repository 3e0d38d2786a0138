// The console of a machine from the API to its serial line, and again after its conductor has been restarted.
import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
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
  // It can be switched off whatever has become of its login.
  await api.call('PATCH', `/nodes/${node}`, [{ op: 'remove', path: '/driver_info/ipmi_address' }])
  await api.call('PUT', path, { enabled: false })
  await until('its end', async () => !(await api.node(node))['console_enabled'])
})
