// What a conductor says of its drivers has to fit into its hello, with room for what else is in there: a frame that is too large is never sent.
import { expect, test } from 'vitest'
import { packed } from '../../shared/packed-drivers.ts'
import { decodeFromConductor, encode, type FromConductor, MAX_FRAME_BYTES } from '../../shared/protocol.ts'
import { driverFacts } from '../driver-facts.ts'
import { loadDrivers } from './load-drivers.ts'

const DRIVERS = ['fake-hardware', 'ipmi', 'redfish', 'manual-management']
const facts = [...(await loadDrivers(DRIVERS)).values()].map((driver) => driverFacts(driver))
const hello = {
  type: 'hello' as const,
  ...{ incarnation: 'i', version: '1', hostname: 'h', capabilities: [], grantsDigest: null, inflight: [] },
}
const said: FromConductor = { ...hello, drivers: facts }

test('all drivers take less than a third of a frame', () => {
  expect(packed(facts).length).toBeLessThan(MAX_FRAME_BYTES / 3)
})

test('nothing is lost on the way', () => {
  const told = JSON.parse(JSON.stringify(said)) as unknown
  expect(decodeFromConductor(encode(said))).toEqual({ kind: 'message', message: told })
  expect(JSON.parse(encode(said))).toMatchObject({ drivers: packed(facts) })
})

test('an older conductor does not pack them', () => {
  const [one] = facts
  expect(decodeFromConductor(JSON.stringify({ ...hello, drivers: [one] }))).toMatchObject({
    message: { drivers: [JSON.parse(JSON.stringify(one))] },
  })
})

test.each([
  ['no base64', '!'],
  ['not deflated', 'aGVsbG8'],
  ['cut short', packed(facts).slice(0, 1000)],
  ['no list', packed('x')],
  ['a list of something else', packed([{ name: 1 }])],
  ['more than there is room for', packed([{ ...facts[0], about: 'x'.repeat(2_000_000) }])],
])('%s is a malformed hello', (_, drivers) => {
  expect(decodeFromConductor(JSON.stringify({ ...hello, drivers }))).toMatchObject({ kind: 'malformed' })
})
