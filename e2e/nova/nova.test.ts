// What nova's ironic driver asked in the life of an instance (recorded by nova.long.test.ts), played again: every status is as it was then,
// every answer has the keys and types that it had at that version, and the node becomes what it became.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startDevServer, type Server } from '../dev-server.ts'
import { availableNode, callOf, rested } from './node.ts'
import { NODE_FIELDS, recorded } from './recording.ts'
import { isUnderWay, misshapen, shapeOf, stateless } from './shape.ts'

let server: Server
beforeAll(async () => {
  server = await startDevServer()
}, 60_000)
afterAll(() => server?.stop())

it('what nova asks is answered as nova needs it', { timeout: 60_000 }, async () => {
  const call = callOf(server.url)
  const node = await availableNode(call, 100)
  // A node as quick as this is waited for: nobody is told that it is busy.
  const requests = recorded().filter(({ status }) => status !== 409)
  // The first UUID that nova names is that of the node.
  const uuids = [node.uuid]
  const own = (text: string) => text.replaceAll(/<(\d+)>/g, (_, n: string) => (uuids[Number(n) - 1] ??= crypto.randomUUID())) // prettier-ignore
  // Our UUIDs by the numbers of the recording, and back.
  const shaped = (value: unknown) =>
    shapeOf(JSON.parse(uuids.reduce((text, uuid, i) => text.replaceAll(uuid, `<${i + 1}>`), JSON.stringify(value))))
  for (const [i, { method, path, version, body, status, answer, before }] of requests.entries()) {
    const told = `${i}: ${method} ${path} ${version} ${JSON.stringify(body)}`
    // nova waits until the work is done; where it did not, what its node was doing just then is not to be had again.
    await rested(call, node.uuid)
    const wanted = (shape: unknown) => (isUnderWay(answer) ? stateless(shape) : shape)
    if (before !== undefined && !isUnderWay(before)) {
      const { body: now } = await call('GET', `/v1/nodes/${node.uuid}?fields=${NODE_FIELDS}`)
      expect(misshapen(before, shaped(now)), `the node before ${told}`).toEqual([])
    }
    const sent = body === undefined ? undefined : JSON.parse(own(JSON.stringify(body)))
    const reply = await call(method, own(path), sent, version)
    expect(reply.status, `${told}: ${JSON.stringify(reply.body)}`).toBe(status)
    const seen = reply.body === undefined ? undefined : shaped(reply.body)
    expect(misshapen(wanted(answer), wanted(seen)), told).toEqual([])
  }
  await rested(call, node.uuid)
  const after = await call('GET', `/v1/nodes/${node.uuid}`)
  expect(after.body).toMatchObject({ provision_state: 'available', instance_uuid: null, instance_info: {} })
})

it('nova’s list of nodes: its fields and filters', async () => {
  const call = callOf(server.url)
  const fields = 'uuid,power_state,target_power_state,provision_state,target_provision_state,last_error,maintenance,properties,instance_uuid,traits,resource_class' // prettier-ignore
  for (const filter of [
    'conductor_group=default',
    'shard=s1,s2',
    'associated=true',
    `instance_uuid=${crypto.randomUUID()}`,
  ]) {
    const { status, body } = await call('GET', `/v1/nodes?fields=${fields}&${filter}`)
    expect([filter, status]).toEqual([filter, 200])
    for (const node of body.nodes) expect(Object.keys(node).sort()).toEqual([...fields.split(','), 'links'].sort())
  }
  const nodes = (await call('GET', `/v1/nodes?fields=${fields}&conductor_group=default`)).body.nodes
  expect(nodes.length).toBeGreaterThan(0)
})
