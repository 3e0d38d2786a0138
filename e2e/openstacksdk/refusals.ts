// What is refused reaches a program as the SDK's own exception, with the server's words.
import { expect } from 'vitest'
import type { Story } from '../story.ts'
import type { Sdk, Sdks } from './sdk.ts'

export async function refusals({ api, reach }: Story, { baremetal }: Sdk, sdks: Sdks): Promise<void> {
  const [name, other] = ['refused', 'other']
  const slow = { fake_delays: { power: 5000 } }
  await baremetal('create_node', [], { name, driver: 'fake-hardware', provision_state: 'enroll', driver_info: slow })
  await baremetal('create_node', [], { name: other, driver: 'fake-hardware', provision_state: 'enroll' })
  const { uuid } = await api.node(name)
  const port = { node_id: uuid, address: '52:54:00:00:07:06' }
  await baremetal('create_port', [], port)

  const hasty = sdks.through('hasty')
  const refused = async (raised: string, status: number | null, words: string, ...order: Parameters<Sdk['baremetal']>) =>
    expect(await hasty.raises('baremetal', ...order)).toMatchObject({ raised, status, said: expect.stringContaining(words) }) // prettier-ignore
  const state = 'set_node_provision_state'

  await refused('ResourceNotFound', 404, 'Node absent could not be found', 'get_node', ['absent'])
  await refused('ResourceNotFound', null, 'No Port found for', 'find_port', ['absent', false])
  await refused('BadRequestException', 400, 'while it is in state "enroll"', state, [name, 'active'])
  await refused('BadRequestException', 400, 'nonsense', state, [name, 'nonsense'])
  await refused('BadRequestException', 400, 'No valid host was found', 'create_node', [], { driver: 'zzz' })
  await refused('ConflictException', 409, 'already exists', 'create_port', [], port)
  await refused('ConflictException', 409, 'already exists', 'update_node', [other], { name })

  // A locked node: who does not try again is told, and who does is served.
  await baremetal('set_node_power_state', [name, 'power on'])
  await refused('ConflictException', 409, 'is locked by host', 'set_node_boot_device', [name, 'pxe'])
  await baremetal('set_node_boot_device', [name, 'pxe'])

  await baremetal('patch_node', [other, [{ op: 'add', path: '/deploy_interface', value: 'direct' }]])
  await refused('ValidationException', null, 'deploy (', 'validate_node', [other])
  await api.provision(other, 'manage')
  await reach('manageable', (await api.node(other)).uuid)
  // A verb that is newer than what this SDK speaks.
  await refused('HttpException', 406, '1.87', state, [other, 'service'])

  const get = ['baremetal', 'get_node', [name]] as const
  expect(await sdks.through('old').raises('baremetal', 'list_node_vifs', [name])).toMatchObject({
    raised: 'NotSupported',
    said: expect.stringContaining('1.28'),
  })
  expect(await sdks.through('too new').raises(...get)).toMatchObject({
    raised: 'ConfigException',
    said: expect.stringContaining('default microversion for service baremetal of 1.999'),
  })
  expect(await sdks.through('stranger').raises(...get)).toMatchObject({ raised: 'HttpException', status: 401 })
}
