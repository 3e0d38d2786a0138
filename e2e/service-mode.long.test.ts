// Service mode (docs/adr/0007): machines whose firmware boots over the network first, after a deployment that failed and after one that worked. A BIOS;
// UEFI by the iPXE in the NIC's ROM, by its own PXE and by its HTTP boot. Each is sent to its disk, never sees the ramdisk again, and the deployed system
// comes up from there. Judges: the serial console, the power log, and the node's timeline.
import { expect, test } from 'vitest'
import { serviceMode } from './service-mode.ts'

test.each([
  ['BIOS', 'bios', 'ipxe'],
  ['UEFI with an iPXE ROM', 'uefi', 'ipxe'],
  ['UEFI with its own PXE', 'uefi', 'firmware'],
  ['UEFI with its own HTTP boot', 'uefi', 'http'],
] as const)('%s that tries the network first ends at its disk', async (_how, firmware, networkBoot) => {
  const [seen] = await serviceMode([{ name: `${firmware}-${networkBoot}`, firmware, networkBoot }], console.log)
  const { lastError, localBoots, starts, ...facts } = seen!
  expect(lastError).toMatch(/deploy\.write_image.*digest/s)
  expect(facts).toMatchObject({ onAfterFailure: false, ramdisks: 2, systems: 2 })
  expect(localBoots).toBeGreaterThanOrEqual(2)
  expect(starts.at(-1), 'the network first, and the system all the same').toBe('net disk')
})
