import { expect, test } from 'vitest'
import { digestIn, isChecksumUrl } from './checksum-file.ts'

const A = 'a'.repeat(64)
const B = 'B'.repeat(64)
const URL_ = 'http://images:8080/rhel/disk%20one.qcow2?x=1'

test.each([
  ['a digest alone', `${A}\n`, A],
  ['sha256sum', `${B}  other.qcow2\n${A}  disk one.qcow2\n`, A],
  ['of a binary file', `${A} *./disk one.qcow2\n`, A],
  ['with a tag, in capitals', `# disk one.qcow2: 5 bytes\nSHA256 (disk one.qcow2) = ${B}\n`, B.toLowerCase()],
  ['BSD’s', `SHA512(images/disk one.qcow2)= ${A}${A}\r\n`, `${A}${A}`],
  ['the first of two', `${A}  disk one.qcow2\n${B}  disk one.qcow2\n`, A],
  ['of other images', `${A}  disk.qcow2\n${B}  one.qcow2\n`, undefined],
  ['two digests without names', `${A}\n${B}\n`, undefined],
  ['nothing', '\n', undefined],
  ['a page', '<html>disk one.qcow2</html>', undefined],
])('a file with %s', (_, file, digest) => expect(digestIn(file, URL_)).toBe(digest))

test('a checksum is a URL or a digest', () => {
  expect([`http://x/a.sha256`, 'HTTPS://x/y', A, 'ftp://x/y'].map(isChecksumUrl)).toEqual([true, true, false, false])
})
