import { expect, test } from 'vitest'
import { CodecError, Reader, Writer } from './cursor.ts'

test('reads little-endian numbers and views', () => {
  const reader = new Reader(Uint8Array.of(1, 2, 3, 0xff, 0xff, 0xff, 0xff, 9, 8), 'test')
  expect([reader.u8(), reader.u16(), reader.u32()]).toEqual([1, 0x0302, 0xffffffff])
  expect([...reader.take(1), ...reader.rest()]).toEqual([9, 8])
})

test('past the end is a CodecError that names the message', () => {
  const reader = new Reader(Uint8Array.of(1), 'RAKP 9')
  expect(() => reader.u16()).toThrow(CodecError)
  expect(() => new Reader(Uint8Array.of(1), 'RAKP 9').take(2)).toThrow('RAKP 9: wants 2 bytes at 0, 1 are left')
})

test('writes what it reads, and notices a wrong size', () => {
  const bytes = new Writer(7).u8(1).u16(0x0302).u32(0xfffefdfc).done()
  expect([...bytes]).toEqual([1, 2, 3, 0xfc, 0xfd, 0xfe, 0xff])
  expect(() => new Writer(2).u8(1).done()).toThrow(RangeError)
})
