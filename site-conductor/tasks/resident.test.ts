// What a granted machine boots when no task says it.
import { expect, test } from 'vitest'
import type { Grant } from '../../shared/protocol.ts'
import type { VolumeInstance } from '../boot/ticket.ts'
import { fakeGrant } from '../testing/fake-hub.ts'
import { silent } from '../log.ts'
import { residentAt } from './resident.ts'

const MAC = '52:54:00:00:00:01'
const port = (address: string, pxeEnabled = true) => ({ uuid: address, address, pxeEnabled })
const instanceBoot = { kernel: 'http://a/k', ramdisk: 'http://a/i', ramdisk_kernel_arguments: 'quiet' }
const INSTANCE = { kernel: 'http://a/k', ramdisk: 'http://a/i', kernelArguments: 'root=/dev/ram0 text quiet' }

function at(mac: string, more: Partial<Grant>, says: { pending?: boolean; ramdisk?: boolean } = {}) {
  const grant = fakeGrant('n', { ports: [port(MAC.toUpperCase())], ...more })
  const tasks = { isPending: () => says.pending ?? false, bootsRamdisk: () => says.ramdisk ?? false }
  const grants = { all: () => [{ grant, signal: new AbortController().signal }] }
  const site = { open: async (_: string, field: string, sealed: string) => `${sealed} of ${field}` }
  return residentAt(mac, { grants, tasks, log: silent, site })
}

test('a machine that is granted boots its disk, or what its instance is', () => {
  expect(at(MAC, {})).toEqual({ node: 'n', address: null })
  expect(at(MAC, { instanceBoot })).toEqual({ node: 'n', address: null, instance: INSTANCE, isOnlyCard: true })
  expect(at(MAC, { instanceBoot: { boot_iso: 'http://a/x.iso' } })).toEqual({ node: 'n', address: null })
  expect(at('52:54:00:00:00:99', { instanceBoot })).toBeUndefined()
})

test('arguments that the node has for every kernel come before those of the instance', () => {
  const driverInfo = { kernel_append_params: '%default% console=ttyS0' }
  expect(at(MAC, { instanceBoot, driverInfo })?.instance).toMatchObject({
    kernelArguments: 'root=/dev/ram0 text console=ttyS0 quiet',
  })
})

test('with several cards that boot it is not known by which one its instance asks', () => {
  const other = '52:54:00:00:00:02'
  expect(at(MAC, { instanceBoot, ports: [port(MAC), port(other)] })?.isOnlyCard).toBe(false)
  expect(at(MAC, { instanceBoot, ports: [port(MAC), port(other, false)] })?.isOnlyCard).toBe(true)
})

test('a disk waits for the end of every task, an instance for one that boots the ramdisk', () => {
  expect(at(MAC, {}, { pending: true })).toBeUndefined()
  expect(at(MAC, { instanceBoot }, { pending: true })).toMatchObject({ instance: INSTANCE })
  expect(at(MAC, { instanceBoot }, { pending: true, ramdisk: true })).toBeUndefined()
})

test('an instance that cannot be booted is not taken for a disk', () => {
  expect(at(MAC, { instanceBoot: { ...instanceBoot, ramdisk: 'file:///etc/shadow' } })).toBeUndefined()
  expect(at(MAC, { instanceBoot: {} })).toBeUndefined()
})

test('an instance on a volume is booted from it: its secret is opened when the machine asks', async () => {
  const properties = { target_iqn: 'iqn.x', target_portal: '10.0.0.9:3261', target_lun: 1, auth_username: 'u' }
  const target = { uuid: 'v', type: 'iscsi', volumeId: 'x', bootIndex: 0 }
  const volumes = {
    targets: [{ ...target, properties: { ...properties, auth_password: 'sealed:1:x' } }],
    connectors: [{ uuid: 'c', type: 'iqn', id: 'iqn.me' }],
  }
  const { instance } = at(MAC, { instanceBoot: { boot_from_volume: 'v' }, volumes }, { pending: true })!
  expect(await (instance as VolumeInstance).open()).toEqual({
    initiatorIqn: 'iqn.me',
    volumes: [
      {
        paths: [{ host: '10.0.0.9', port: 3261, iqn: 'iqn.x', lun: 1 }],
        chap: { username: 'u', password: 'sealed:1:x of volume_targets.v.auth_password' },
      },
    ],
  })
  expect(at(MAC, { instanceBoot: { boot_from_volume: 'v' } }), 'the volume has been taken away').toBeUndefined()
})
