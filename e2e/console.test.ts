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
