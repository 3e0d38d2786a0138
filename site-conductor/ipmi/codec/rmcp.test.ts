import { expect, test } from 'vitest'
import { CodecError } from './cursor.ts'
import { afterRmcp, isRmcpPlus, rmcpHeader } from './rmcp.ts'

test('takes IPMI datagrams of both wrappers', () => {
  expect(isRmcpPlus(afterRmcp(Uint8Array.of(...rmcpHeader, 6)))).toBe(true)
  expect(isRmcpPlus(afterRmcp(Uint8Array.of(...rmcpHeader, 0)))).toBe(false)
})

test.each([
  ['nothing', []],
  ['only the header', [6, 0, 0xff, 7]],
  ['an ASF presence pong', [6, 0, 0xff, 6, 0]],
  ['an RMCP acknowledgement', [6, 0, 0xff, 0x87, 0]],
  ['another version', [5, 0, 0xff, 7, 0]],
])('refuses %s', (_what, bytes) => {
  expect(() => afterRmcp(Uint8Array.from(bytes))).toThrow(CodecError)
})
