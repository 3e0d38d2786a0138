// Machines that lose their power, start again, or have a bad disk, in the middle of a write, on real firmware and with a third-party BMC.
// Judges: serial console, power log, the BMC's own log, the disk, and the node's timeline.
import { beforeAll, expect, test } from 'vitest'
import { hearAll, type Told } from './tell.ts'

let told: Map<string, Told>
beforeAll(async () => {
  told = await hearAll('machine.inside.ts')
})

test.each(['power cut', 'reset', 'disk error'])('%s in the middle of the write', (story) => {
  expect(told.get(story)).toMatchObject({ story })
  expect(told.get(story)?.problem).toBeUndefined()
})
