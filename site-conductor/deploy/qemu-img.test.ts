import { expect, test } from 'vitest'
import { progressReader, qemuImgFault } from './qemu-img.ts'

test('progress is read in pieces of any size, and only what is complete', () => {
  const text = '    (0.00/100%)\r    (7.25/100%)\r    (100.00/100%)\r    (100.00/100%)\n'
  for (let size = 1; size <= text.length; size++) {
    const seen: number[] = []
    const read = progressReader((fraction) => seen.push(fraction))
    for (let at = 0; at < text.length; at += size) read(text.slice(at, at + size))
    expect(seen.at(-1)).toBe(1)
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
    if (size < 12) expect(seen).toEqual([0, 0.0725, 1, 1])
  }
})

test('junk is no progress and does not pile up', () => {
  const seen: number[] = []
  const read = progressReader((fraction) => seen.push(fraction))
  for (let i = 0; i < 1000; i++) read('(NaN/100%) (1/2%) 50%')
  read('(3.00/100%)')
  expect(seen).toEqual([0.03])
})

test.each([
  [127, 'setpriv: failed to execute qemu-img: No such file or directory', 'driver.unsupported'],
  [null, 'spawn setpriv ENOENT', 'driver.unsupported'],
  [1, "qemu-img: Unknown driver 'iscsi'", 'driver.unsupported'],
  [1, 'qemu-img: error while writing at byte 0: No space left on device', 'unavailable'],
  [
    1,
    'qemu-img: iSCSI: Failed to connect to LUN : Failed to log in to target. Status: Authentication failure(513)',
    'agent.lost',
  ],
  [1, 'qemu-img: error while writing at byte 2097152: Input/output error', 'disk.io'],
])('exit code %s with "%s" is %s', (code, said, expected) => {
  const { fault } = qemuImgFault(code, said)
  expect(fault.code).toBe(expected)
  expect(fault.message).not.toContain('qemu-img: ')
})
