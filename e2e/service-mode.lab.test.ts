// Real firmware that boots over the network first, after a deployment that failed and after one that worked: it never sees the ramdisk
// again, and ends at its disk. Judges: the serial console, the power log, and the node's timeline. UEFI: service-mode.long.test.ts.
import { expect, test } from 'vitest'
import { serviceMode } from './service-mode.ts'

test('a machine that boots over the network first gets no ramdisk but for a deployment', async () => {
  const seen = await serviceMode([{ name: 'bios', firmware: 'bios' }])
  expect(seen).toHaveLength(1)
  for (const { lastError, localBoots, starts, ...facts } of seen) {
    expect(lastError, facts.name).toContain('deploy.write_image')
    expect(facts).toMatchObject({ onAfterFailure: false, ramdisks: 2, systems: 2 })
    expect(localBoots, facts.name).toBeGreaterThanOrEqual(2)
    expect(starts.at(-1), 'the network first, and the system all the same').toBe('net disk')
  }
})
