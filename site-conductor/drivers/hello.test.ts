// What drivers tell of themselves, on its way to the cloud.
import { expect, test } from 'vitest'
import { encode, MAX_FRAME_BYTES, type OfferedStep } from '../../shared/protocol.ts'
import { packed, unpacked } from '../../shared/step-offers.ts'
import { driverFacts } from '../driver.ts'
import fakeHardware from './fake-hardware.ts'
import ipmi from './ipmi.ts'
import manualManagement from './manual-management.ts'
import redfish from './redfish.ts'

const ALL = [ipmi, redfish, manualManagement, fakeHardware].map((driver) => driverFacts(driver))
const order = ({ interface: iface, of, step }: OfferedStep) => `${iface} ${of} ${step}`

test('all drivers fit into the greeting of a conductor, and there is room for more', () => {
  const drivers = ALL.map(packed)
  const rest = { incarnation: 'i', version: '1', hostname: 'h', capabilities: [], grantsDigest: null, inflight: [] }
  expect(encode({ type: 'hello', ...rest, drivers }).length).toBeLessThan(MAX_FRAME_BYTES * 0.6)
})

test.each(ALL.map((facts) => [facts.name, facts] as const))('%s comes out as it went in', (_, facts) => {
  const back = unpacked(JSON.parse(JSON.stringify(packed(facts))))
  const { steps: before = {}, ...others } = facts
  const { steps: after = {}, ...rest } = back
  expect(rest).toEqual(others)
  expect(Object.keys(after).sort()).toEqual(Object.keys(before).sort())
  for (const [kind, steps] of Object.entries(before)) {
    const found = after[kind as keyof typeof after]!
    expect(found.toSorted((a, b) => order(a).localeCompare(order(b)))).toEqual(
      steps.toSorted((a, b) => order(a).localeCompare(order(b))),
    )
    // Steps of one implementation keep their order: of two with the same priority the first comes first.
    const like = (all: readonly OfferedStep[], one: OfferedStep) =>
      all.filter(({ interface: iface, of }) => iface === one.interface && of === one.of).map(order)
    for (const one of steps) expect(like(found, one)).toEqual(like(steps, one))
  }
})
