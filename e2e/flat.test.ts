// Network interface flat: what a client sees of a node that is on the one network of its site.
import { expect, test } from 'vitest'
import { startStory } from './story.ts'

test('a node on the flat network is validated, and its port has the VIF of its instance', async (context) => {
  await using story = await startStory(context)
  const { api, node, site, reach } = story
  await api.patchNode(node, { automated_clean: false, network_interface: 'flat', instance_info: site.instanceInfo() })
  await story.prepare()
  const { ports } = (await api.call('GET', `/nodes/${node}/ports`)) as { ports: { uuid: string }[] }
  const port = ports[0]!.uuid
  const boots = (value: boolean) =>
    api.call('PATCH', `/ports/${port}`, [{ op: 'replace', path: '/pxe_enabled', value }])
  const network = async () =>
    ((await api.call('GET', `/nodes/${node}/validate`)) as { network: { result: boolean; reason?: string } }).network
  expect(await network()).toEqual({ result: true })

  await api.call('PUT', `/nodes/${node}/maintenance`)
  await boots(false)
  await api.call('DELETE', `/nodes/${node}/maintenance`)
  expect(await network()).toMatchObject({ result: false, reason: expect.stringContaining('pxe_enabled') as string })
  await expect(api.provision(node, 'active')).rejects.toThrow('Failed to validate network')
  await api.call('PUT', `/nodes/${node}/maintenance`)
  await boots(true)
  await api.call('DELETE', `/nodes/${node}/maintenance`)

  const vif = crypto.randomUUID()
  await api.call('POST', `/nodes/${node}/vifs`, { id: vif })
  const internal = async () =>
    ((await api.call('GET', `/ports/${port}`)) as { internal_info: { tenant_vif_port_id?: string } }).internal_info
  expect(await internal()).toMatchObject({ tenant_vif_port_id: vif })
  await api.provision(node, 'active')
  await reach('active')
  expect(await api.call('GET', `/nodes/${node}/vifs`)).toEqual({ vifs: [{ id: vif }] })
  await api.call('DELETE', `/nodes/${node}/vifs/${vif}`)
  expect(await internal()).not.toHaveProperty('tenant_vif_port_id')
})
