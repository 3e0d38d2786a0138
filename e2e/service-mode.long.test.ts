// Service mode with UEFI firmware (docs/adr/0007): by the iPXE in the NIC's ROM, by the firmware's own PXE and by its HTTP boot. Each boots
// over the network first, is sent to its disk, and the deployed system comes up from there. Judges as in service-mode.lab.test.ts.
import { expect, test } from 'vitest'
import { serviceMode } from './service-mode.ts'

test.each([
  ['an iPXE ROM', 'ipxe'],
  ['its own PXE', 'firmware'],
  ['its own HTTP boot', 'http'],
] as const)('a UEFI machine that tries the network first, with %s, ends at its disk', async (_how, networkBoot) => {
  const [seen] = await serviceMode([{ name: `uefi-${networkBoot}`, firmware: 'uefi', networkBoot }], console.log)
  const { lastError, localBoots, starts, ...facts } = seen!
  expect(lastError).toContain('deploy.write_image')
  expect(facts).toMatchObject({ onAfterFailure: false, ramdisks: 2, systems: 2 })
  expect(localBoots).toBeGreaterThanOrEqual(2)
  expect(starts.at(-1), 'the network first, and the system all the same').toBe('net disk')
})
