// Subscriptions to a BMC's events, judged by what the simulated BMC has afterwards.
import { expect, test } from 'vitest'
import { implementation, refusal, Rig } from './testdata/rig.ts'

const rig = new Rig()
const { vendor } = implementation('vendor')
const call = (name: string, args = {}) => rig.call('vendor', name, args)
const at = () => [...rig.bmc.machine.subscriptions.values()]

test('the methods are called as Ironic’s, and answered at once', () => {
  const shape = Object.entries(vendor!).map(([name, { http, async }]) => [name, ...http, async])
  expect(shape).toEqual([
    ['eject_vmedia', 'POST', true],
    ['create_subscription', 'POST', false],
    ['delete_subscription', 'DELETE', false],
    ['get_all_subscriptions', 'GET', false],
    ['get_subscription', 'GET', false],
  ])
})

test.each(['header', 'body'] as const)(
  'a new one is shown as the BMC has it, which says in the %s where it is',
  async (where) => {
    rig.bmc.quirks.eventService = where
    const Destination = 'https://events.example.com/redfish'
    expect(await call('create_subscription', { Destination })).toEqual({
      Id: '1',
      Context: '',
      Protocol: 'Redfish',
      Destination,
      EventTypes: ['Alert'],
    })
    const more = {
      Destination,
      Context: 'ours',
      EventTypes: ['StatusChange', 'Alert'],
      HttpHeaders: [{ Authorization: 'x' }],
    }
    expect(await call('create_subscription', more)).toMatchObject({ Id: '2', Context: 'ours' })
    expect(at()).toMatchObject([
      { headers: [] },
      { context: 'ours', eventTypes: more.EventTypes, headers: more.HttpHeaders },
    ])
  },
)

test('they are listed, looked at and deleted by id', async () => {
  for (const host of ['a', 'b']) await call('create_subscription', { Destination: `http://${host}/` })
  expect(await call('get_all_subscriptions')).toMatchObject({
    'Members@odata.count': 2,
    Members: [1, 2].map((id) => ({ '@odata.id': `/redfish/v1/EventService/Subscriptions/${id}` })),
  })
  expect(await call('get_subscription', { id: '2' })).toEqual({
    Id: '2',
    Context: '',
    Protocol: 'Redfish',
    Destination: 'http://b/',
    EventTypes: ['Alert'],
  })
  await call('delete_subscription', { id: '1' })
  expect(at().map(({ id }) => id)).toEqual(['2'])
  for (const name of ['get_subscription', 'delete_subscription'])
    expect(await refusal(call(name, { id: '1' })), name).toMatchObject({ code: 'not_found' })
})

test.each([
  ['create_subscription', {}, /Destination/],
  ['create_subscription', { Destination: 'events.example.com' }, /Destination/],
  ['create_subscription', { Destination: 'file:///etc/passwd' }, /Destination/],
  ['create_subscription', { Destination: 'http://a/', EventTypes: 'Alert' }, /EventTypes/],
  ['create_subscription', { Destination: 'http://a/', EventTypes: [] }, /EventTypes/],
  ['create_subscription', { Destination: 'http://a/', Context: 7 }, /Context/],
  ['create_subscription', { Destination: 'http://a/', Protocol: 7 }, /Protocol/],
  ['create_subscription', { Destination: 'http://a/', HttpHeaders: 'X: y' }, /HttpHeaders/],
  ['delete_subscription', {}, /id is needed/],
  ['get_subscription', { id: '..' }, /id is needed/],
])('%s with %j is refused before anybody is asked', async (name, args, why) => {
  expect(() => vendor![name]!.validate!(args)).toThrow(why)
  expect(await refusal(call(name, args))).toMatchObject({ code: 'request.invalid' })
  expect(rig.changes()).toEqual([])
})

test('an event type that the BMC does not have is refused with those that it has', async () => {
  const asked = call('create_subscription', { Destination: 'http://a/', EventTypes: ['MetricReport'] })
  expect(await refusal(asked)).toMatchObject({
    code: 'request.invalid',
    message: expect.stringContaining('StatusChange, ResourceUpdated, Alert'),
  })
  expect(at()).toEqual([])
})

test('an id leads nowhere else', async () => {
  expect(await refusal(call('delete_subscription', { id: '../../Systems/1' }))).toMatchObject({ code: 'not_found' })
  expect(rig.bmc.log.entries.at(-2)?.path ?? '').not.toContain('/Systems/1')
})

test('a BMC without events says so', async () => {
  rig.bmc.quirks.eventService = 'none'
  expect(await refusal(call('get_all_subscriptions'))).toMatchObject({ code: 'driver.unsupported' })
  expect(await refusal(call('get_subscription', { id: '1' }))).toMatchObject({ code: 'driver.unsupported' })
})

test('the last-moment check stops what changes subscriptions', async () => {
  await call('create_subscription', { Destination: 'http://a/' })
  const context = await rig.made()
  context.refused = true
  const { methods } = implementation('vendor')
  for (const [name, args] of [
    ['create_subscription', { Destination: 'http://b/' }],
    ['delete_subscription', { id: '1' }],
  ] as const)
    expect(await refusal(methods![name]!(context, args)), name).toMatchObject({ code: 'fenced' })
  expect(at()).toHaveLength(1)
})
