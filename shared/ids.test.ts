import { expect, test } from 'vitest'
import { systemEnv } from './env.ts'
import { crc32, hashToken, isToken, isUuid, newToken, parseMac, uuidv7 } from './ids.ts'

test('a UUIDv7 carries version, variant and time, and sorts by it', () => {
  const env = { now: () => 0x0123456789ab, random: (n: number) => new Uint8Array(n).fill(0xff) }
  expect(uuidv7(env)).toBe('01234567-89ab-7fff-bfff-ffffffffffff')
  expect(isUuid(uuidv7(systemEnv))).toBe(true)
})

test('crc32 of the check string (IEEE 802.3)', () => {
  expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926)
})

test('a typing error in a token is seen without a look-up', () => {
  const token = newToken('frp', systemEnv)
  expect(token).toMatch(/^frp_[0-9A-Za-z]{36}$/)
  expect(isToken(token)).toBe(true)
  expect(isToken(token, 'fre')).toBe(false)
  for (let i = 4; i < token.length; i++) {
    const wrong = token.slice(0, i) + (token[i] === 'a' ? 'b' : 'a') + token.slice(i + 1)
    expect(isToken(wrong), `a change at ${i}`).toBe(false)
  }
})

test('tokens are stored as SHA-256', async () => {
  expect(await hashToken('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
})

test.each([
  ['52:54:00:AA:bb:01', '52:54:00:aa:bb:01'],
  ['52-54-00-aa-bb-01', '52:54:00:aa:bb:01'],
  ['52:54:00:aa:bb', undefined],
  ['52:54:00:aa:bb:0g', undefined],
  ['', undefined],
])('MAC %j', (text, mac) => expect(parseMac(text)).toBe(mac))
