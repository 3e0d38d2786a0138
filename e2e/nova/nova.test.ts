// What nova's ironic driver asked in the life of an instance (recorded by nova.long.test.ts), played again: every status is as it was then.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startDevServer, type Server } from '../dev-server.ts'
import { availableNode, callOf, rested } from './node.ts'
import { recorded } from './recording.ts'

let server: Server
beforeAll(async () => {
  server = await startDevServer()
}, 60_000)
afterAll(() => server?.stop())

it('what nova asks is answered as nova needs it', { timeout: 60_000 }, async () => {
  const call = callOf(server.url)
  const node = await availableNode(call, 100)
  const requests = recorded()
  // The first UUID that nova names is that of the node.
  const uuids = [node.uuid]
  const own = (text: string) => text.replaceAll(/<(\d+)>/g, (_, n: string) => (uuids[Number(n) - 1] ??= crypto.randomUUID())) // prettier-ignore
  for (const [i, { method, path, version, body, status }] of requests.entries()) {
    const sent = body === undefined ? undefined : JSON.parse(own(JSON.stringify(body)))
    const reply = await call(method, own(path), sent, version || undefined)
    expect([i, method, path, reply.status, reply.body], JSON.stringify(reply.body)).toEqual([i, method, path, status, reply.body]) // prettier-ignore
    // nova waits until the work is done, but where it is told that the node is busy.
    const next = requests.slice(i + 1).find((each) => each.method !== 'GET')
    if (next?.status !== 409) await rested(call, node.uuid)
  }
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
