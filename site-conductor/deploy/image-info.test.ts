import { expect, test } from 'vitest'
import { imageInfoOf } from './image-info.ts'

const info = (more: Record<string, unknown>) =>
  imageInfoOf('n', { image_source: 'http://images/a.img', image_checksum: 'ab'.repeat(32), ...more })

test.each([
  ['raw where nothing says another', {}, 'raw'],
  ['of a file that is called so', { image_source: 'http://images/Debian.QCOW2?v=1' }, 'qcow2'],
  ['as it is said', { image_source: 'http://images/a.qcow2', image_disk_format: 'raw' }, 'raw'],
])('the format is %s', (_, more, format) => expect(info(more).disk_format).toBe(format))

test('a checksum may be a URL, for the agent to read', () => {
  const os_hash_value = 'https://images/SHA512SUMS'
  const more = { image_os_hash_algo: 'sha512', image_os_hash_value: os_hash_value }
  expect(info(more)).toMatchObject({ os_hash_algo: 'sha512', os_hash_value })
})
