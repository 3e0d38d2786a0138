// What a granted machine boots when no task says it.
import { expect, test } from 'vitest'
import type { Grant } from '../shared/protocol.ts'
import { fakeGrant } from './fake-hub.ts'
import { silent } from './log.ts'
import { residentAt } from './resident.ts'

const MAC = '52:54:00:00:00:01'
const port = (address: string, pxeEnabled = true) => ({ uuid: address, address, pxeEnabled })
const instanceBoot = { kernel: 'http://a/k', ramdisk: 'http://a/i', ramdisk_kernel_arguments: 'quiet' }
const INSTANCE = { kernel: 'http://a/k', ramdisk: 'http://a/i', kernelArguments: 'root=/dev/ram0 text quiet' }

function at(mac: string, more: Partial<Grant>, says: { pending?: boolean; ramdisk?: boolean } = {}) {
  const grant = fakeGrant('n', { ports: [port(MAC.toUpperCase())], ...more })
  const tasks = { isPending: () => says.pending ?? false, bootsRamdisk: () => says.ramdisk ?? false }
  const grants = { all: () => [{ grant, signal: new AbortController().signal }] }
  return residentAt(mac, { grants, tasks, log: silent })
}

test('a machine that is granted boots its disk, or what its instance is', () => {
  expect(at(MAC, {})).toEqual({ node: 'n', address: null })
  expect(at(MAC, { instanceBoot })).toEqual({ node: 'n', address: null, instance: INSTANCE, isOnlyCard: true })
  expect(at(MAC, { instanceBoot: { boot_iso: 'http://a/x.iso' } })).toEqual({ node: 'n', address: null })
  expect(at('52:54:00:00:00:99', { instanceBoot })).toBeUndefined()
})

test('arguments that the node has for every kernel come before those of the instance', () => {
  const driverInfo = { kernel_append_params: '%default% console=ttyS0' }
  expect(at(MAC, { instanceBoot, driverInfo })?.instance?.kernelArguments).toBe(
    'root=/dev/ram0 text console=ttyS0 quiet',
  )
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
