import { expect, test } from 'vitest'
import type { Grant } from '../../shared/protocol.ts'
import ipmi from '../drivers/ipmi.ts'
import { fakeContext } from '../testing/fake-context.ts'
import { fakeGrant } from '../testing/fake-hub.ts'
import { flat } from './flat.ts'

const port = (pxeEnabled: boolean) => ({ uuid: 'p', address: '52:54:00:00:00:01', pxeEnabled })
const address = { ip: '10.0.0.9', prefixLength: 24 }
const GOOD: Partial<Grant> = { ports: [port(true)], address }

test.for([
  ['a node that is on the network of its site', {}, true, undefined],
  ['no card', { ports: [] }, true, 'no port of the node has pxe_enabled'],
  ['no card that boots', { ports: [port(false)] }, true, 'no port of the node has pxe_enabled'],
  ['no address', { address: null }, true, 'no address of the network'],
  ['no address, but another server gives them', { address: null }, false, undefined],
  ['a network of its own', { driverInfo: { cleaning_network: 'x' } }, true, 'driver_info.cleaning_network'],
] as const)('%s', async ([, change, givesAddresses, why]) => {
  const { driverInfo, ...more } = change as Partial<Grant>
  const node = fakeGrant('n', { ...GOOD, ...more, driverInfo: { ipmi_address: '10.0.0.1', ...driverInfo } })
  const context = await fakeContext(ipmi, { node, boot: { givesAddresses } as never })
  const validate = () => flat().flat!.validate!(context as never)
  if (why === undefined) expect(validate).not.toThrow()
  else expect(validate).toThrow(why)
  await context.close()
})

test('is an interface of every driver with real machines, behind the default', () => {
  expect(Object.keys(ipmi.interfaces.network!)).toEqual(['noop', 'flat', 'neutron'])
})
