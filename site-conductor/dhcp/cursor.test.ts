import { describe, expect, it } from 'vitest'
import { CodecError, Reader, Writer } from './cursor.ts'

describe('cursor', () => {
  it('reads and writes in network byte order', () => {
    const bytes = new Writer().u8(0x01).u16(0x0203).u32(0x04050607).bytes(Buffer.of(8, 9)).finish()
    expect(bytes.toString('hex')).toBe('010203040506070809')
    const reader = new Reader(bytes)
    expect([reader.u8(), reader.u16(), reader.u32(), reader.left]).toEqual([0x01, 0x0203, 0x04050607, 2])
    expect(reader.rest()).toEqual(Buffer.of(8, 9))
  })

  it.each(['u8', 'u16', 'u32'] as const)('%s past the end is a CodecError and moves nothing', (read) => {
    const reader = new Reader(Buffer.alloc({ u8: 0, u16: 1, u32: 3 }[read]))
    expect(() => reader[read]()).toThrow(CodecError)
    expect(reader.left).toBe({ u8: 0, u16: 1, u32: 3 }[read])
  })

  it('reads a view into a larger buffer from the view’s own start', () => {
    expect(new Reader(new Uint8Array([9, 9, 1, 2]).subarray(2)).u16()).toBe(0x0102)
  })

  it('grows past its first size without losing or inventing bytes', () => {
    const part = Buffer.from(Array.from({ length: 300 }, (_, at) => at & 0xff))
    const bytes = new Writer().bytes(part).bytes(part).zeros(5).u8(7).finish()
    expect(bytes).toEqual(Buffer.concat([part, part, Buffer.alloc(5), Buffer.of(7)]))
  })

  it('refuses a value that does not fit its field', () => {
    expect(() => new Writer().padded(Buffer.alloc(17), 16, 'chaddr')).toThrow(CodecError)
  })
})
