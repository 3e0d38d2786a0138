import { expect, test } from 'vitest'
import { claimedIdentity, newIdentity, signUpgrade, verifyUpgrade } from './upgrade.ts'

const url = 'wss://cloud.example/v1/conductor/connect?x=1'
const identity = { conductor: 'c', incarnation: 'i', at: 1795000000000 }

test('an upgrade request is accepted for what was signed only', async () => {
  const key = await newIdentity()
  const claim = claimedIdentity(new Headers(await signUpgrade(key.privateKey, url, identity)))!
  expect(claim).toMatchObject(identity)
  expect(await verifyUpgrade(key.publicKey, url, claim)).toBe(true)
  expect(await verifyUpgrade(key.publicKey, url.replace('wss', 'https'), claim), 'the scheme is the proxy’s').toBe(true)
  expect(await verifyUpgrade(key.publicKey, url.replace('x=1', 'x=2'), claim)).toBe(false)
  expect(await verifyUpgrade(key.publicKey, url.replace('cloud.example', 'evil.example'), claim)).toBe(false)
  for (const change of [{ conductor: 'd' }, { incarnation: 'j' }, { at: identity.at + 1 }]) {
    expect(await verifyUpgrade(key.publicKey, url, { ...claim, ...change })).toBe(false)
  }
  expect(await verifyUpgrade((await newIdentity()).publicKey, url, claim)).toBe(false)
  expect(await verifyUpgrade('nonsense', url, { ...claim, signature: '!!' })).toBe(false)
})

test('missing or misshapen headers claim nothing', () => {
  expect(claimedIdentity(new Headers())).toBeUndefined()
  const headers = {
    'ferrule-conductor': 'c',
    'ferrule-incarnation': 'i',
    'ferrule-time': '1e9',
    'ferrule-signature': 's',
  }
  expect(claimedIdentity(new Headers(headers))).toBeUndefined()
})
