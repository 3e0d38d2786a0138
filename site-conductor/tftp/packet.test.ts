import { describe, expect, it } from 'vitest'
import { CodecError, decodeTftp, encodeTftp, writeDataHeader } from './packet.ts'
import type { TftpPacket } from './packet.ts'

const latin = (text: string): Buffer => Buffer.from(text, 'latin1')

/** Requests as firmware sent them (the captures beside the DHCP codec hold the frames). */
const FIRMWARE: [string, Buffer, TftpPacket][] = [
  [
    'iPXE 1.21',
    latin('\0\x01boot.ipxe\0octet\0blksize\x001432\0tsize\x000\0'),
    {
      op: 'read',
      file: 'boot.ipxe',
      mode: 'octet',
      options: new Map([
        ['blksize', '1432'],
        ['tsize', '0'],
      ]),
    },
  ],
  [
    'OVMF 2022.11',
    latin('\0\x01snponly.efi\0octet\0tsize\x000\0blksize\x001468\0windowsize\x004\0'),
    {
      op: 'read',
      file: 'snponly.efi',
      mode: 'octet',
      options: new Map([
        ['tsize', '0'],
        ['blksize', '1468'],
        ['windowsize', '4'],
      ]),
    },
  ],
]

describe('TFTP packet', () => {
  it.each(FIRMWARE)('request of %s', (_name, bytes, packet) => {
    expect(decodeTftp(bytes)).toEqual(packet)
    expect(encodeTftp(packet)).toEqual(bytes)
  })

  it.each<[string, TftpPacket]>([
    ['000261006f6374657400', { op: 'write', file: 'a', mode: 'octet', options: new Map() }],
    ['0003012c0102', { op: 'data', block: 300, data: Buffer.of(1, 2) }],
    ['00030001', { op: 'data', block: 1, data: Buffer.alloc(0) }],
    ['0004ffff', { op: 'ack', block: 65_535 }],
    ['000500016e6f00', { op: 'error', code: 1, message: 'no' }],
    ['0006626c6b73697a65003800', { op: 'oack', options: new Map([['blksize', '8']]) }],
  ])('%s both ways', (hex, packet) => {
    expect(decodeTftp(Buffer.from(hex, 'hex'))).toEqual(packet)
    expect(encodeTftp(packet).toString('hex')).toBe(hex)
  })

  it('takes option names and modes without regard to case, and the first of a repeated option', () => {
    const packet = decodeTftp(latin('\0\x01f\0OcTeT\0BlkSize\x008\0blksize\x009\0'))
    expect(packet).toMatchObject({ mode: 'octet', options: new Map([['blksize', '8']]) })
  })

  it('tolerates NULs after a request and a message without its NUL', () => {
    expect(decodeTftp(latin('\0\x01f\0octet\0\0\0\0'))).toMatchObject({ file: 'f', options: new Map() })
    expect(decodeTftp(latin('\0\x05\0\x08User aborted'))).toEqual({ op: 'error', code: 8, message: 'User aborted' })
  })

  it.each([
    '',
    '00',
    '0000',
    '0007',
    '0100',
    '0001',
    '000161',
    '00016100',
    '000161006f63746574',
    '000300',
    '0004',
    '0005',
  ])('%j is a CodecError', (hex) => {
    expect(() => decodeTftp(Buffer.from(hex, 'hex'))).toThrow(CodecError)
  })

  it('refuses requests of more than 512 bytes (RFC 2347)', () => {
    expect(() => decodeTftp(latin(`\0\x01${'f'.repeat(600)}\0octet\0`))).toThrow(CodecError)
  })

  it('wraps block numbers in DATA headers', () => {
    const bytes = Buffer.alloc(6)
    writeDataHeader(bytes, 1, 65_536 + 258)
    expect(bytes.toString('hex')).toBe('000003010200')
  })

  it('anything at all is a packet or a CodecError (100,000 cases)', () => {
    let state = Number(process.env['SEED'] ?? 7)
    const below = (limit: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return Math.floor((state / 2 ** 32) * limit)
    }
    let decoded = 0
    for (let round = 0; round < 100_000; round++) {
      const bytes = Buffer.from(FIRMWARE[below(2)]?.[1] ?? [])
      bytes[1] = below(8)
      for (let changes = below(4); changes > 0; changes--) bytes[below(bytes.length)] = below(256)
      const cut = bytes.subarray(0, below(3) === 0 ? below(bytes.length) : bytes.length)
      try {
        const packet = decodeTftp(cut)
        decoded++
        encodeTftp(packet)
      } catch (error) {
        if (!(error instanceof CodecError)) throw new Error(`seed ${state}: ${cut.toString('hex')}`, { cause: error })
      }
    }
    expect(decoded).toBeGreaterThan(10_000)
  })
})
