import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CodecError } from '../../shared/codec-error.ts'
import type { Gpt } from './gpt.ts'
import {
  decodeGpt,
  decodeGptHeader,
  encodeGptEntries,
  encodeGptHeader,
  LINUX_DATA,
  readGuid,
  writeGuid,
} from './gpt.ts'
import { decodeMbr, withMbrEntry } from './mbr.ts'

const table: Gpt = {
  diskGuid: '01234567-89AB-CDEF-0123-456789ABCDEF',
  myLba: 1,
  otherLba: 8191,
  firstUsableLba: 34,
  lastUsableLba: 8158,
  entriesLba: 2,
  entryCount: 128,
  entryBytes: 128,
  entries: [
    {
      number: 1,
      type: LINUX_DATA,
      guid: '11111111-2222-3333-4444-555555555555',
      firstLba: 2048,
      lastLba: 4095,
      attributes: 4n,
      name: 'root é',
    },
    {
      number: 3,
      type: LINUX_DATA,
      guid: '11111111-2222-3333-4444-555555555556',
      firstLba: 4096,
      lastLba: 4096,
      attributes: 0n,
      name: '',
    },
  ],
}

const valueOrCodecError = (decode: () => unknown) => {
  try {
    decode()
  } catch (error) {
    if (!(error instanceof CodecError)) throw error
  }
}

describe('GPT', () => {
  it('comes back from its own bytes', () => {
    expect(decodeGpt(encodeGptHeader(table, 512), encodeGptEntries(table))).toEqual(table)
    expect(decodeGpt(encodeGptHeader(table, 4096), encodeGptEntries(table))).toEqual(table)
  })

  it('writes GUIDs mixed-endian (UEFI 2.10 appendix A)', () => {
    const bytes = Buffer.alloc(16)
    writeGuid(bytes, 0, table.diskGuid)
    expect(bytes.toString('hex')).toBe('67452301ab89efcd0123456789abcdef')
    expect(readGuid(bytes, 0)).toBe(table.diskGuid)
  })

  it('with one flipped bit is a CodecError, wherever the bit is', () => {
    const [header, entries] = [encodeGptHeader(table, 512), encodeGptEntries(table)]
    for (let bit = 0; bit < 92 * 8; bit++) {
      const bent = Buffer.from(header)
      bent[bit >> 3]! ^= 1 << (bit & 7)
      expect(() => decodeGpt(bent, entries), `bit ${bit}`).toThrow(CodecError)
    }
    entries[40]! ^= 1
    expect(() => decodeGpt(header, entries)).toThrow('checksum')
  })

  it('that claims a partition outside the usable sectors is refused even with right checksums', () => {
    const bad = { ...table, entries: [{ ...table.entries[0]!, lastLba: 8159 }] }
    expect(() => decodeGpt(encodeGptHeader(bad, 512), encodeGptEntries(bad))).toThrow('outside the usable')
  })

  it('any bytes are a value or a CodecError', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 600 }),
        fc.array(fc.tuple(fc.nat(511), fc.nat(255)), { maxLength: 8 }),
        (noise, edits) => {
          valueOrCodecError(() => decodeGptHeader(Buffer.from(noise)))
          valueOrCodecError(() => decodeMbr(Buffer.from(noise)))
          const bent = encodeGptHeader(table, 512)
          for (const [at, value] of edits) bent[at] = value
          valueOrCodecError(() => decodeGpt(bent, Buffer.from(noise)))
          bent.writeUInt16LE(0xaa55, 510)
          valueOrCodecError(() => decodeMbr(bent))
        },
      ),
      { numRuns: 2000 },
    )
  })
})

describe('MBR', () => {
  it('gets an entry and keeps everything else', () => {
    const sector = Buffer.alloc(512, 0x90)
    sector.fill(0, 440, 510)
    sector.writeUInt32LE(0xdeadbeef, 440)
    const entry = { number: 2, bootable: true, type: 0x83, firstLba: 2048, sectors: 4096 }
    const out = withMbrEntry(sector, entry)
    expect(decodeMbr(out)).toEqual({ signature: 0xdeadbeef, entries: [entry] })
    expect(out.subarray(0, 440).equals(sector.subarray(0, 440))).toBe(true)
  })
  it('is not the boot sector of a file system', () => {
    const sector = Buffer.alloc(512, 0x41)
    sector.writeUInt16LE(0xaa55, 510)
    expect(() => decodeMbr(sector)).toThrow(CodecError)
  })
})
