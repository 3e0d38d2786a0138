// What a conductor says of its drivers has to fit into its hello, with room for what else is in there: a frame that is too large is never sent.
import { expect, test } from 'vitest'
import { folded, unfolded } from '../../shared/folded-steps.ts'
import { bytesInFrame, DriverFacts, MAX_FRAME_BYTES, type OfferedStep } from '../../shared/protocol.ts'
import { driverFacts } from '../driver.ts'
import { loadDrivers } from '../load-drivers.ts'

const facts = [...(await loadDrivers(['fake-hardware', 'ipmi', 'redfish', 'manual-management'])).values()].map((driver) => driverFacts(driver)) // prettier-ignore

test('all drivers take less than three quarters of a frame', () => {
  expect(bytesInFrame(facts.map(folded))).toBeLessThan(MAX_FRAME_BYTES * 0.75)
})

test('nothing is lost on the way', () => {
  const key = ({ interface: name, of, step }: OfferedStep) => `${name} ${of} ${step}`
  const sorted = (told: DriverFacts) =>
    Object.entries(told.steps ?? {}).map(([kind, steps]) => [
      kind,
      steps.toSorted((a, b) => (key(a) < key(b) ? -1 : 1)),
    ])
  for (const told of facts) {
    const back = unfolded(DriverFacts.parse(JSON.parse(JSON.stringify(folded(told)))))
    expect(sorted(back)).toEqual(sorted(told))
    expect(unfolded(told), 'an older conductor does not fold').toEqual(told)
  }
})
