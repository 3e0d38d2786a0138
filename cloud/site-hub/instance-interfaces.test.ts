// An instance may ask for other interfaces than its node has: they are used while it is there.
import { expect, test } from 'vitest'
import { HubBench } from './testdata/hub-bench.ts'
import { driver } from './testdata/one-node.ts'

const more = { ...driver, interfaces: { ...driver.interfaces, deploy: ['fake', 'other'], raid: ['fake', 'no-raid'] } }

async function begin(instance_info: object) {
  const bench = await HubBench.make()
  const peer = await bench.connect('a', [more])
  const node = await bench.newNode({ name: 'n1', automated_clean: false })
  await bench.sql.batch([{ sql: "UPDATE nodes SET provision_state = 'available' WHERE uuid = ?", args: [node] }])
  const patch = [{ op: 'add' as const, path: '/instance_info', value: instance_info }]
  expect(await bench.command('node.patch', { node, patch })).toMatchObject({ ok: true })
  const verb = (name: 'active' | 'deleted') => bench.command('node.provision', { node, verb: name, args: {} })
  const granted = () =>
    peer
      .of('grants')
      .flatMap(({ add }) => add)
      .findLast((grant) => grant.node === node)!.interfaces
  return { bench, peer, node, verb, granted }
}

test('what the instance asks for is granted, shown nowhere as the node’s own, and gone with the instance', async () => {
  const { bench, peer, node, verb, granted } = await begin({ deploy_interface: 'other' })
  try {
    expect(granted()).toMatchObject({ deploy: 'other', raid: 'fake' })
    const [own] = await bench.sql.all("SELECT interfaces ->> '$.deploy' FROM nodes WHERE uuid = ?", [node])
    expect(own).toEqual(['fake'])
    expect(await verb('active')).toMatchObject({ ok: true })
    await bench.work(peer)
    expect(await verb('deleted')).toMatchObject({ ok: true })
    await bench.work(peer)
    expect((await bench.node(node)).provision_state).toBe('available')
    expect(granted()).toMatchObject({ deploy: 'fake' })
  } finally {
    await bench.close()
  }
})

test('what the driver does not have is refused before anything is begun, and leaves the node as it is', async () => {
  const { bench, node, verb, granted } = await begin({ raid_interface: 'agent' })
  try {
    expect(granted()).toMatchObject({ raid: 'fake' })
    expect(await verb('active')).toMatchObject({
      ok: false,
      fault: {
        code: 'request.invalid',
        message: `instance_info.raid_interface: driver ${driver.name} has no raid interface agent.`,
      },
    })
    expect((await bench.node(node)).provision_state).toBe('available')
  } finally {
    await bench.close()
  }
})
