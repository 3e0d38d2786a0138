import { expect, test } from 'vitest'
import { cpioArchive } from './cpio.ts'

// Fields of a "new ASCII" header: six magic digits, then thirteen numbers of eight hex digits.
const field = (archive: Uint8Array, at: number, index: number) =>
  Number.parseInt(Buffer.from(archive).toString('latin1', at + 6 + 8 * index, at + 14 + 8 * index), 16)

test('a file is a header, its name and its bytes, each to a multiple of four', () => {
  const archive = Buffer.from(cpioArchive([{ path: 'init', kind: 'file', mode: 0o755, bytes: Buffer.from('hello') }]))
  expect(archive.toString('latin1', 0, 6)).toBe('070701')
  expect(field(archive, 0, 1)).toBe(0o100755)
  expect(field(archive, 0, 6)).toBe(5)
  expect(archive.toString('latin1', 110, 115)).toBe('init\0')
  expect(archive.toString('latin1', 116, 121)).toBe('hello')
  expect(archive.toString('latin1', 124, 130)).toBe('070701')
  expect(archive.includes('TRAILER!!!')).toBe(true)
  expect(archive.length % 4).toBe(0)
})

test('a device node is only numbers, a link is its target', () => {
  const console = cpioArchive([{ path: 'dev/console', kind: 'character-device', major: 5, minor: 1 }])
  expect([field(console, 0, 1), field(console, 0, 9), field(console, 0, 10)]).toEqual([0o020600, 5, 1])
  const link = Buffer.from(cpioArchive([{ path: 'bin/sh', kind: 'link', target: 'busybox' }]))
  expect(field(link, 0, 1)).toBe(0o120777)
  expect(link.includes('busybox')).toBe(true)
})
