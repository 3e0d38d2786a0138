import { expect, test } from 'vitest'
import { grubPrefix } from './grub-prefix.ts'

/** Code with the magic in it, then a module and the prefix, as grub-mkimage lays them out. */
function image(prefix: string): Buffer {
  const object = (type: number, content: string) => {
    const padded = Buffer.alloc(Math.ceil((content.length + 1) / 8) * 8)
    padded.write(content)
    const header = Buffer.alloc(8)
    header.writeUInt32LE(type)
    header.writeUInt32LE(8 + padded.length, 4)
    return Buffer.concat([header, padded])
  }
  const objects = Buffer.concat([object(0, 'a module'), object(3, prefix)])
  const info = Buffer.alloc(24)
  info.write('mimg')
  info.writeBigUInt64LE(24n, 8)
  info.writeBigUInt64LE(BigInt(24 + objects.length), 16)
  return Buffer.concat([Buffer.from('code mimg that compares it with the table...'), info, objects])
}

test('the prefix of a GRUB image is read, an empty one too', () => {
  expect(grubPrefix(image(''))).toBe('')
  expect(grubPrefix(image('(tftp)/grub'))).toBe('(tftp)/grub')
})

test('what is no GRUB image has none', () => {
  expect(grubPrefix(Buffer.from('MZ mimg'))).toBeUndefined()
  expect(grubPrefix(image('x').subarray(0, -16))).toBeUndefined()
  expect(grubPrefix(Buffer.alloc(0))).toBeUndefined()
})
