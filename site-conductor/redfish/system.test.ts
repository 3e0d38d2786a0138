// Which system is meant, and that a BMC is told nothing that it does not say it can do.
import { afterEach, expect, test } from 'vitest'
import { Session } from './session.ts'
import { getSystem, resetSystem, systemPath } from './system.ts'
import { type Said, type ScriptedBmc, scriptedBmc } from './testdata/scripted-bmc.ts'
import { openWire } from './wire.ts'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

function sessionAt({ bmc }: ScriptedBmc): Session {
  const wire = openWire(bmc.endpoint, true)
  closers.push(() => wire.close())
  return new Session(wire, {}, undefined)
}

const SYSTEMS = '/redfish/v1/Systems'
const before = () => {}

function rack(systems: readonly string[], system: object = {}) {
  return ({ path, method }: { path: string; method: string }): Said => {
    if (method !== 'GET') return { status: 204 }
    if (path === '/redfish/v1/') return { json: { Systems: { '@odata.id': SYSTEMS } } }
    if (path === SYSTEMS) return { json: { Members: systems.map((id) => ({ '@odata.id': `${SYSTEMS}/${id}` })) } }
    return { json: { Id: '1', ...system } }
  }
}

test('the only system is meant, and found once', async () => {
  await using bmc = await scriptedBmc(rack(['42']))
  const session = sessionAt(bmc)
  for (let i = 0; i < 3; i++) expect(await systemPath(session, undefined, {})).toBe(`${SYSTEMS}/42`)
  expect(bmc.asked.map(({ path }) => path)).toEqual(['/redfish/v1/', SYSTEMS])
})

test('of several systems the one that is named is meant, and none without', async () => {
  await using bmc = await scriptedBmc(rack(['1', '2']))
  const session = sessionAt(bmc)
  await expect(systemPath(session, undefined, {})).rejects.toMatchObject({
    kind: 'argument',
    message: 'the BMC has 2 systems',
  })
  expect((await getSystem(session, `${SYSTEMS}/2`, {})).path).toBe(`${SYSTEMS}/2`)
  await expect(systemPath(session, 'http://192.0.2.1/redfish/v1/Systems/1', {})).rejects.toMatchObject({
    kind: 'protocol',
  })
})

test('a BMC without systems is told from one that hides them', async () => {
  await using none = await scriptedBmc(rack([]))
  await expect(systemPath(sessionAt(none), undefined, {})).rejects.toMatchObject({ kind: 'missing' })
  await using hides = await scriptedBmc(() => ({ json: {} }))
  await expect(systemPath(sessionAt(hides), undefined, {})).rejects.toMatchObject({ kind: 'missing' })
})

const action = (more: object = {}) => ({ Actions: { '#ComputerSystem.Reset': { target: '/reset', ...more } } })

test.each<[string, object, string]>([
  ['has no reset', {}, 'no action'],
  [
    'has none of that type',
    action({ 'ResetType@Redfish.AllowableValues': ['On', 'PushPowerButton'] }),
    'PushPowerButton',
  ],
])('a BMC that %s is not told to do one', async (_, system, words) => {
  await using bmc = await scriptedBmc(rack(['1'], system))
  const session = sessionAt(bmc)
  const found = await getSystem(session, undefined, {})
  await expect(resetSystem(session, found, 'ForceOff', { before })).rejects.toMatchObject({
    kind: 'missing',
    message: expect.stringContaining(words),
  })
  expect(bmc.asked.filter(({ method }) => method === 'POST')).toEqual([])
})

test('a reset goes where the BMC says, once, and not to another address', async () => {
  await using bmc = await scriptedBmc(rack(['1'], action()))
  const session = sessionAt(bmc)
  await resetSystem(session, await getSystem(session, undefined, {}), 'On', { before })
  expect(bmc.asked.at(-1)).toMatchObject({ method: 'POST', path: '/reset', body: { ResetType: 'On' } })
  await using lies = await scriptedBmc(rack(['1'], action({ target: 'http://192.0.2.1/reset' })))
  const other = sessionAt(lies)
  const found = await getSystem(other, undefined, {})
  await expect(resetSystem(other, found, 'On', { before })).rejects.toMatchObject({ kind: 'protocol' })
})
