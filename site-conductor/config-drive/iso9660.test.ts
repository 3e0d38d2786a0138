import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { IsoError, buildIso } from './iso9660.ts'
import type { IsoFile } from './iso9660.ts'

const SECTOR = 2048
const time = new Date('2026-02-03T04:05:06Z')
const build = (files: readonly IsoFile[]) => buildIso(files, { label: 'config-2', time })
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1')

/** A reader with nothing in common with the writer: follows directory records from a descriptor to all files. */
function readTree(
  volume: Uint8Array,
  descriptorSector: number,
  nameOf: (record: Buffer) => string,
): Map<string, string> {
  const bytes = Buffer.from(volume.buffer, volume.byteOffset, volume.byteLength)
  const found = new Map<string, string>()
  const walk = (sector: number, length: number, path: string) => {
    for (let at = sector * SECTOR; at < sector * SECTOR + length;) {
      const size = bytes.readUInt8(at)
      if (size === 0) {
        at = (Math.floor(at / SECTOR) + 1) * SECTOR
        continue
      }
      expect(Math.floor(at / SECTOR)).toBe(Math.floor((at + size - 1) / SECTOR))
      const record = bytes.subarray(at, at + size)
      const [extent, bigEndianExtent] = [record.readUInt32LE(2), record.readUInt32BE(6)]
      expect(extent).toBe(bigEndianExtent)
      const dataLength = record.readUInt32LE(10)
      const isDots = record.readUInt8(32) === 1 && record.readUInt8(33) <= 1
      if (!isDots && record.readUInt8(25) & 2) walk(extent, dataLength, `${path}${nameOf(record)}/`)
      else if (!isDots) {
        found.set(path + nameOf(record), text(bytes.subarray(extent * SECTOR, extent * SECTOR + dataLength)))
      }
      at += size
    }
  }
  const root = descriptorSector * SECTOR + 156
  walk(bytes.readUInt32LE(root + 2), bytes.readUInt32LE(root + 10), '')
  return found
}

/** System use entries begin behind the identifier, which may itself contain "NM". */
const rockRidgeName = (record: Buffer) => {
  const identifierLength = record.readUInt8(32)
  let at = 33 + identifierLength + (identifierLength % 2 === 0 ? 1 : 0)
  while (text(record.subarray(at, at + 2)) !== 'NM') at += record.readUInt8(at + 2)
  return text(record.subarray(at + 5, at + record.readUInt8(at + 2)))
}
const jolietName = (record: Buffer) =>
  record
    .subarray(33, 33 + record.readUInt8(32))
    .swap16()
    .toString('utf16le')
    .replace(/;1$/, '')

const name = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,63}$/)
const files = fc.uniqueArray(
  fc.record({
    path: fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/')),
    bytes: fc.uint8Array({ maxLength: 5000 }),
  }),
  { selector: ({ path }) => path, maxLength: 40 },
)
const noFileIsAFolder = (list: readonly IsoFile[]) =>
  !list.some(({ path }) => list.some((other) => other.path.startsWith(`${path}/`)))

test('what is written can be read back under Rock Ridge and Joliet names', () => {
  fc.assert(
    fc.property(files.filter(noFileIsAFolder), (list) => {
      const volume = build(list)
      const expected = new Map(list.map(({ path, bytes }) => [path, text(bytes)]))
      expect(readTree(volume, 16, rockRidgeName)).toEqual(expected)
      // The reader swaps bytes in place: it gets a copy.
      expect(readTree(volume.slice(), 17, jolietName)).toEqual(expected)
    }),
    { numRuns: 60 },
  )
})

test('a directory that needs more than a sector keeps its records whole', () => {
  const many = Array.from({ length: 60 }, (_, n) => ({
    path: `folder/a-rather-long-name-${n}.json`,
    bytes: Buffer.of(n),
  }))
  expect(readTree(build(many), 16, rockRidgeName).size).toBe(60)
})

test('level 1 identifiers stay unique when long names begin alike', () => {
  const alike = Array.from({ length: 20 }, (_, n) => ({ path: `meta_data_${n}.json`, bytes: Buffer.of(n) }))
  const identifiers = readTree(build(alike), 16, (record) => text(record.subarray(33, 33 + record.readUInt8(32))))
  expect(identifiers.size).toBe(20)
  for (const identifier of identifiers.keys()) expect(identifier).toMatch(/^[A-Z0-9_]{1,8}\.[A-Z0-9_]{0,3};1$/)
})

test('the same files and time give the same bytes, another time other bytes', () => {
  const list = [{ path: 'a/b', bytes: Buffer.from('content') }]
  expect(build(list)).toEqual(build(list))
  expect(build(list)).not.toEqual(buildIso(list, { label: 'config-2', time: new Date(0) }))
})

test.each([
  '../passwd',
  '/etc/passwd',
  'a/../b',
  '.hidden',
  'a//b',
  '',
  'a\\b',
  'a\0b',
  'ü',
  'a/b/c/d/e/f/g/h',
  'x'.repeat(65),
])('the path %j is refused', (path) => {
  expect(() => build([{ path, bytes: new Uint8Array(0) }])).toThrow(IsoError)
})

test('a file that is also a folder, or there twice, is refused', () => {
  const empty = new Uint8Array(0)
  const paths = (...list: string[]) => list.map((path) => ({ path, bytes: empty }))
  expect(() => build(paths('a', 'a/b'))).toThrow(IsoError)
  expect(() => build(paths('a/b', 'a'))).toThrow(IsoError)
  expect(() => build(paths('a', 'a'))).toThrow(IsoError)
})

test('a label that Joliet cannot carry is refused', () => {
  expect(() => buildIso([], { label: 'seventeen-letters', time })).toThrow(IsoError)
})
