import { expect, test } from 'vitest'
import { fingerprint, isSealed, newSiteKey, open, seal } from './sealing.ts'

const field = { organisation: 'o', site: 's', node: 'n', field: 'driver_info.ipmi_password' }

test('what is sealed to a site opens there, for the same field only', async () => {
  const key = await newSiteKey()
  const sealed = await seal(key.publicKey, field, 'pässwörd')
  expect(isSealed(sealed)).toBe(true)
  expect(sealed).not.toContain('ssw')
  expect(await open(key.privateKey, field, sealed)).toBe('pässwörd')
  for (const other of [
    { ...field, node: 'm' },
    { ...field, site: 't' },
    { ...field, field: 'driver_info.ipmi_username' },
    { ...field, organisation: 'p' },
  ]) {
    await expect(open(key.privateKey, other, sealed)).rejects.toThrow('cannot be opened')
  }
  await expect(open((await newSiteKey()).privateKey, field, sealed)).rejects.toThrow('cannot be opened')
  const at = sealed.length - 10
  const altered = sealed.slice(0, at) + (sealed[at] === 'A' ? 'B' : 'A') + sealed.slice(at + 1)
  await expect(open(key.privateKey, field, altered)).rejects.toThrow('cannot be opened')
})

test('the same secret is never sealed to the same text, and an empty one can be sealed', async () => {
  const key = await newSiteKey()
  expect(await seal(key.publicKey, field, 'x')).not.toBe(await seal(key.publicKey, field, 'x'))
  expect(await open(key.privateKey, field, await seal(key.publicKey, field, ''))).toBe('')
})

test('a fingerprint is 16 groups of 4 hex digits', async () => {
  expect(await fingerprint((await newSiteKey()).publicKey)).toMatch(/^([0-9a-f]{4} ){15}[0-9a-f]{4}$/)
})
