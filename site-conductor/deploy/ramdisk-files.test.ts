import { expect, test } from 'vitest'
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
  [{ deploy_kernel: null, deploy_iso: '' }, undefined],
  [{ deploy_kernel: 'ftp://a/k' }, 'deploy_kernel must be an http, https or file URL'],
  [{ deploy_ramdisk: '/r' }, 'deploy_ramdisk must be an http, https or file URL'],
  [{ deploy_iso: 7 }, 'deploy_iso must be an http, https or file URL'],
  [
    { deploy_iso: 'https://a/i', deploy_iso_checksum: 'abc' },
    'deploy_iso is fetched from a, and nothing says what it must be',
  ],
  [{ deploy_iso: 'http://a/i' }, 'deploy_iso is fetched from a, and nothing says what it must be'],
])('%j: %s', (driverInfo, message) => {
  const check = () => checkRamdiskInfo({ driverInfo })
  if (message === undefined) expect(check).not.toThrow()
  else expect(check).toThrow(message)
})
