// The canary: secrets that are used by a whole deployment, and are then found nowhere but where they belong.
// They may be in the conductor's own key files (they are not: keys are), in the agent's memory and on the disk of the machine they were for.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, type TestContext } from 'vitest'
import { Canary } from './canary.ts'
import { startStory } from './story.ts'

/** Of 20 characters, which is IPMI's limit; what JSON and URLs must escape is in it. */
const BMC_PASSWORD = 'Kx7"vW\\n4-Tb9 %kPq2z'
const USER_SECRET = 'tok_9f3b7e"c1\\d84a2%6e05'
/** What the conductor keeps for itself: its identity, the site's keys. */
const KEY_FILES = ['identity.json', 'site.json']

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

const secretsStayWhereTheyBelong = (driver: 'ipmi' | 'redfish') => async (context: TestContext) => {
  const canary = new Canary({ password: BMC_PASSWORD, 'user data': USER_SECRET })
  const control = new Canary({ name: 'sim-1' })
  const look = (where: string, content: string | Uint8Array) => {
    canary.look(where, content)
    control.look(where.split(' ')[0]!, content)
  }
  const agentLines: string[] = []
  await using story = await startStory(context, {
    driver,
    bmcPassword: BMC_PASSWORD,
    onFrame: (frame) => look('frame', frame),
    onConsole: (_, line) => line.startsWith('ferrule-agent:') && agentLines.push(line),
  })
  const { api, site, node, machine, folder, log } = story
  api.onAnswer = (path, text) => look(`answer ${path}`, text)

  await story.prepare()
  await api.patchNode(node, { instance_info: site.instanceInfo() })
  const configdrive = { meta_data: { hostname: 'vault' }, user_data: `#!/bin/sh\necho '${USER_SECRET}'\n` }
  await api.provision(node, 'active', { configdrive })
  await story.reach('active')
  await story.until('operating system', () => machine.console().includes('FERRULE-OS-UP host=vault'))
  expect(machine.console(), 'the secret came to where it belongs').toContain(USER_SECRET)

  // Refusals and errors are where secrets like to be repeated.
  await api.provision(node, 'rescue', { rescue_password: USER_SECRET }).catch(() => {})
  await api.patchNode(node, { [`driver_info/${driver}_password`]: [BMC_PASSWORD] }).catch(() => {})
  await api.call('PUT', `/nodes/${node}/management/boot_device`, { boot_device: BMC_PASSWORD.slice(1) }).catch(() => {})
  for (const path of [
    '/nodes',
    '/nodes/detail',
    `/nodes/${node}`,
    `/nodes/${node}/states`,
    `/nodes/${node}/timeline?limit=1000`,
    `/nodes/${node}/history`,
    `/nodes/${node}/validate`,
    `/nodes/${node}/ports/detail`,
    '/ports/detail',
    '/conductors?detail=true',
    '/drivers?detail=true',
    '/sites',
    '/tasks',
    '/events?limit=1000',
  ])
    await api.call('GET', path)

  // With everything running, so that what is only in a write-ahead log is seen; then again what closing wrote.
  const lookAtFiles = async () => {
    for (const file of [
      ...(await filesBelow(join(folder, 'cloud'))),
      ...(await filesBelow(join(folder, 'site/conductor'))),
    ]) {
      if (!KEY_FILES.some((name) => file.endsWith(name))) look(`file ${file}`, await readFile(file))
    }
  }
  await lookAtFiles()
  await site.close()
  await lookAtFiles()
  look('log', log.join('\n'))
  look('agent', agentLines.join('\n'))

  expect(canary.hits).toEqual([])
  // The looking works: a node's name, which is no secret, was seen wherever something is said about nodes.
  const seen = new Set(control.hits.map(({ where }) => where))
  expect([...seen].toSorted()).toEqual(expect.arrayContaining(['answer', 'file', 'frame']))
  expect(log.length).toBeGreaterThan(0)
  expect(agentLines.length).toBeGreaterThan(0)
}

for (const driver of ['ipmi', 'redfish'] as const)
  test(
    `${driver}: BMC password and user data are in no answer, row, frame, log, journal or event`,
    secretsStayWhereTheyBelong(driver),
  )

test('the canary finds a secret in every form that it may hide in', () => {
  const hidden: Record<string, string> = {
    raw: `x${BMC_PASSWORD}y`,
    json: JSON.stringify({ password: BMC_PASSWORD }),
    'json in json': JSON.stringify({ body: JSON.stringify({ password: BMC_PASSWORD }) }),
    url: encodeURIComponent(`a=${BMC_PASSWORD}`),
    hex: Buffer.from(`x${BMC_PASSWORD}`).toString('hex'),
    'base64, 0 before': Buffer.from(`${BMC_PASSWORD}, after`).toString('base64'),
    'base64, 1 before': Buffer.from(`1${BMC_PASSWORD}`).toString('base64'),
    'base64, 2 before': Buffer.from(`12${BMC_PASSWORD}, after`).toString('base64url'),
  }
  const missed = Object.entries(hidden).filter(([, text]) => {
    const canary = new Canary({ password: BMC_PASSWORD })
    canary.look('here', Buffer.from(text))
    return canary.hits.length === 0
  })
  expect(missed).toEqual([])
})
