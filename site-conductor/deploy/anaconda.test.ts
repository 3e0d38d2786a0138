import { expect, test } from 'vitest'
import ipmi from '../drivers/ipmi.ts'
import { fakeContext } from '../testing/fake-context.ts'
import { fakeGrant } from '../testing/fake-hub.ts'

const FILES = { kernel: 'http://mirror.example/vmlinuz', ramdisk: 'http://mirror.example/initrd.img' }
const INSTANCE = { ...FILES, image_source: 'http://mirror.example/os/' }
const TEMPLATE = { ks_template: 'http://mirror.example/ks', ks_template_checksum: 'a'.repeat(64) }

async function validate(properties: object, instanceInfo: object): Promise<void> {
  const driverInfo = { ipmi_address: '10.0.0.1' }
  const interfaces = { boot: 'ipxe', deploy: 'anaconda' }
  const node = fakeGrant('n', { driver: 'ipmi', driverInfo, interfaces, properties: { ...properties } })
  const context = await fakeContext(ipmi, { node })
  try {
    await ipmi.interfaces.deploy!['anaconda']!.validate!(context as never, { ...INSTANCE, ...instanceInfo })
  } finally {
    await context.close()
  }
}

const TWO = { root_device: { size: '>= 100', rotational: false } }
const SAID = 'cannot be said in a kickstart file'

test("a root device that the conductor's kickstart file cannot name is refused before anything is begun", async () => {
  await expect(validate(TWO, {})).rejects.toThrow(SAID)
  await expect(validate({}, TWO)).rejects.toThrow(SAID)
  await expect(validate({ root_device: { model: 'x'.repeat(100_000) } }, {})).rejects.toSatisfy(
    ({ message }) => message.length < 500,
  )
})

test('one that it can name is not, nor any where the operator has a kickstart file', async () => {
  await validate({}, {})
  await validate({ root_device: { name: '/dev/sda' } }, {})
  await validate(TWO, { root_device: { serial: 'S1' } })
  await validate(TWO, TEMPLATE)
})
