import { expect, test } from 'vitest'
import { bootInfoOf } from './boot-info.ts'
import { appendParams, checkRamdiskInfo } from './ramdisk-files.ts'

const SHA = 'a'.repeat(64)
const https = { deploy_kernel: 'https://a/k', deploy_kernel_checksum: SHA, deploy_ramdisk: 'https://a/r' }

test.each([
  [undefined, 'console=ttyS0 quiet'],
  ['debug', 'debug'],
  ['%default% debug', 'console=ttyS0 quiet debug'],
  ['', ''],
])('kernel_append_params %j', (kernel_append_params, expected) => {
  expect(appendParams({ driverInfo: { kernel_append_params } }, 'console=ttyS0 quiet')).toBe(expected)
})

test.each([
  [{}, undefined],
  [{ deploy_kernel: 'file:///k', deploy_ramdisk: 'file:///r' }, undefined],
  [{ ...https, deploy_ramdisk_checksum: SHA }, undefined],
  [https, 'deploy_ramdisk is fetched from a, and nothing says what it must be'],
  [{ deploy_kernel: 'file:///k' }, 'driver_info has deploy_kernel, and no deploy_ramdisk'],
  [{ deploy_ramdisk: 'file:///k' }, 'driver_info has deploy_ramdisk, and no deploy_kernel'],
  [{ deploy_iso: 'http://a/i' }, 'deploy_iso is fetched from a, and nothing says what it must be'],
])('%j: %s', (driverInfo, message) => {
  const check = () => checkRamdiskInfo({ driverInfo })
  if (message === undefined) expect(check).not.toThrow()
  else expect(check).toThrow(message)
})

test.each([
  ['ALWAYS', 'Always'],
  ['never', 'Never'],
  [true, 'Always'],
  ['False', 'Default'],
])('force_persistent_boot_device %j is %s', (given, expected) => {
  expect(bootInfoOf({ driverInfo: { force_persistent_boot_device: given } })).toEqual({
    force_persistent_boot_device: expected,
  })
})

test.each([
  { force_persistent_boot_device: 'sometimes' },
  { deploy_kernel: 'ftp://a/k' },
  { deploy_kernel: '/k' },
  { deploy_kernel_checksum: 'abc' },
])('%j is refused', (driverInfo) => {
  expect(() => bootInfoOf({ driverInfo })).toThrow(`driver_info.${Object.keys(driverInfo)[0]} must be`)
})
