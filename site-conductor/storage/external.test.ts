// What the storage interface `external` says of a node that is to be booted from a volume.
import { expect, test } from 'vitest'
import type { Grant } from '../../shared/protocol.ts'
import type { VolumeInstance } from '../boot/ticket.ts'
import { implementationOf } from '../driver.ts'
import { driverFacts } from '../driver-facts.ts'
import ipmi from '../drivers/ipmi.ts'
import { fakeContext } from '../testing/fake-context.ts'
import { fakeGrant } from '../testing/fake-hub.ts'
import { volumesToBoot } from './iscsi-volumes.ts'

const PROPERTIES = { target_iqn: 'iqn.2026-01.org.example:v', target_portal: '10.0.0.9:3260', target_lun: 0 }
const target = (properties: object = PROPERTIES, more = {}) => ({
  ...{ uuid: 'v', type: 'iscsi', volumeId: 'x', bootIndex: 0, ...more },
  properties: properties as Record<string, unknown>,
})
const grant = (more: Partial<Grant> = {}) =>
  fakeGrant('n', {
    driver: 'ipmi',
    driverInfo: { ipmi_address: '10.0.0.1' },
    properties: { capabilities: 'boot_mode:bios,iscsi_boot:True' },
    interfaces: { boot: 'ipxe', deploy: 'direct', storage: 'external' },
    volumes: { targets: [target()], connectors: [] },
    ...more,
  })

/** Why it is refused; undefined: it is not. */
async function why(more: Partial<Grant> = {}, instance: object | null = {}, kind = 'storage') {
  const node = grant(more)
  const context = await fakeContext(ipmi, { node })
  try {
    await implementationOf(ipmi, node, kind)!.validate!(
      context as never,
      (instance ?? undefined) as Record<string, unknown>,
    )
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

test('a node that can boot its volume is in order, and its deploy interface wants no image', async () => {
  expect(await why()).toBeUndefined()
  expect(await why({}, {}, 'deploy')).toBeUndefined()
  expect(await why({ interfaces: { ...grant().interfaces, deploy: 'iscsi' } }, {}, 'deploy')).toBeUndefined()
})

test('everything that is missing is said at once, with what to do', async () => {
  const properties = { capabilities: 'iscsi_boot:False' }
  const volumes = {
    targets: [target({ target_iqn: 'iqn.x', auth_method: 'CHAP', auth_username: 'u' })],
    connectors: [],
  }
  const interfaces = { ...grant().interfaces, boot: 'pxe' }
  const said = await why({ properties, volumes, interfaces })
  for (const part of [
    'add iscsi_boot:True to properties/capabilities',
    'boot interface pxe boots no volumes: set boot_interface to ipxe or http-ipxe',
    'volume target v (boot_index 0): properties have no target_portal and no target_lun',
    'volume target v (boot_index 0): properties have no auth_password, which CHAP needs',
  ])
    expect(said).toContain(part)
})

test.each([
  [
    'fibre_channel',
    target({}, { type: 'fibre_channel' }),
    'of type fibre_channel, and machines boot volumes of type iscsi only',
  ],
  ['another authentication', target({ ...PROPERTIES, auth_method: 'SRP', auth_username: 'u' }), 'auth_method "SRP"'],
  ['a portal that is none', target({ ...PROPERTIES, target_portal: 'a b:1' }), 'not a host: "a b"'],
  ['a LUN that is none', target({ ...PROPERTIES, target_lun: 'one' }), 'not a LUN'],
])('%s is refused', async (_what, volume, reason) => {
  expect(await why({ volumes: { targets: [volume], connectors: [] } })).toContain(reason)
})

test('what no boot script could say is refused before a machine asks for it', async () => {
  const many = Array.from({ length: 17 }, (_, i) => target(PROPERTIES, { uuid: i === 0 ? 'v' : `v${i}`, bootIndex: i }))
  expect(await why({ volumes: { targets: many, connectors: [] } })).toContain('17 volumes')
  const connectors = [{ uuid: 'c', type: 'iqn', id: 'iqn.2026-01.org.example:me && shell' }]
  expect(await why({ volumes: { targets: [target()], connectors } })).toContain('volume connector c')
  const chap = { auth_method: 'CHAP', auth_username: 'u'.repeat(256), auth_password: 'sealed:1:x' }
  expect(await why({ volumes: { targets: [target({ ...PROPERTIES, ...chap })], connectors: [] } })).toContain(
    'auth_username has more than 255 bytes',
  )
  expect(() => opened({ targets: many, connectors: [] })).toThrow('17 volumes')
})

test('an image, or a kernel and a ramdisk, have nothing to do with the volume', async () => {
  const properties = {}
  expect(await why({ properties }, { image_source: 'http://a/b' })).toBeUndefined()
  expect(await why({ properties }, null), 'nobody asks about an instance').toBeUndefined()
  expect(await why({ properties, interfaces: { ...grant().interfaces, deploy: 'ramdisk' } })).toBeUndefined()
  expect(await why({ properties, interfaces: { ...grant().interfaces, storage: 'noop' } })).toBeUndefined()
})

test('without a volume to boot there must be an image', async () => {
  const volumes = { targets: [target(PROPERTIES, { bootIndex: 1 })], connectors: [] }
  expect(await why({ volumes }, {}, 'deploy')).toContain('image_source')
})

test('a hub is told which storage interfaces boot volumes, and which have steps for it', () => {
  expect(driverFacts(ipmi).storages).toMatchObject({ external: { boots: true, attaches: false } })
})

const opened = (volumes: NonNullable<Grant['volumes']>, attached = {}) => {
  const site = { open: async (_: string, field: string) => `opened ${field}` }
  const made: VolumeInstance = volumesToBoot({ node: 'n', volumes }, 'v', site, attached)
  return made.open()
}

test('several paths are taken together, the others of the node come behind the volume that is booted', async () => {
  const several = {
    target_portals: ['10.0.0.9:3260', '[fe80::1]:3261', '10.0.0.8'],
    target_iqns: ['iqn.a', 'iqn.b', 'iqn.c'],
    target_luns: [1, '2', 3],
  }
  const others = [
    target(PROPERTIES, { uuid: 'w', bootIndex: 1 }),
    target({}, { uuid: 'f', bootIndex: 2, type: 'fibre_channel' }),
  ]
  const { volumes } = await opened({ targets: [...others, target(several)], connectors: [] })
  expect(volumes).toEqual([
    {
      paths: [
        { host: '10.0.0.9', port: 3260, iqn: 'iqn.a', lun: 1 },
        { host: 'fe80::1', port: 3261, iqn: 'iqn.b', lun: 2 },
        { host: '10.0.0.8', port: 3260, iqn: 'iqn.c', lun: 3 },
      ],
    },
    { paths: [{ host: '10.0.0.9', port: 3260, iqn: PROPERTIES.target_iqn, lun: 0 }] },
  ])
})

test('what a storage system has told for an attachment goes before what the node has', async () => {
  const attached = { v: { ...PROPERTIES, target_lun: 7, auth_username: 'u', auth_password: 'sealed:1:x' } }
  const { volumes } = await opened({ targets: [target()], connectors: [] }, attached)
  expect(volumes[0]).toMatchObject({
    paths: [{ lun: 7 }],
    chap: { username: 'u', password: 'opened volume_targets.v.auth_password' },
  })
})
