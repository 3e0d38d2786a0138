// The demo on simulated hardware, with the cloud on both of its hosts. Judges: what the deployed system says, and the BMC's count.
import { expect, test } from 'vitest'
import { deployOnSim } from './demo/sim.ts'

test.each([
  ['on Node', false],
  ['in workerd', true],
])('the simulated demo with the cloud %s', async (_where, workerd) => {
  const lines: string[] = []
  const { result, powerOns } = await deployOnSim({
    print: (line) => lines.push(line),
    onStart: () => undefined,
    workerd,
  })
  expect(result.osLine).toContain(`host=metal-1.demo uuid=${result.uuid}`)
  expect(powerOns, 'one for cleaning, two for the deployment').toBe(3)
  expect(lines.join('\n')).toContain('✓ deploy.write_image')
})
