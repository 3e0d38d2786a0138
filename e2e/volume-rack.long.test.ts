// The same as volume-rack.lab.test.ts in UEFI firmware, whose drives iPXE's volumes become.
import { expect, test } from 'vitest'
import { bootFromVolume } from './volume-rack.ts'

test.each([
  ['an iPXE in its NIC', 'ipxe'],
  ['an iPXE that its own PXE loads', 'firmware'],
] as const)(
  'a UEFI machine with %s boots a volume when it is let in, again at each start, and never touches its own disk',
  async (_how, networkBoot) => {
    const { said, diskBlocks, starts } = await bootFromVolume({ firmware: 'uefi', networkBoot })
    const up = said.findIndex((line) => line.startsWith('FERRULE-OS-UP'))
    const system = [
      'FERRULE-OS-UP host= uuid= firmware=efi config=',
      'FERRULE-OS-VOLUME iqn.2026-01.org.example:vol-1 as iqn.2026-01.org.example:metal-1',
    ]
    const again = 'Ferrule: that failed, next attempt in 10 s'
    expect(said.slice(0, 2)).toEqual(['Could not open SAN device: Operation not permitted', again])
    expect(said.slice(2, up).join('\n'), 'nobody is there').toMatch(/device: Connection (reset|refused|timed out)/)
    expect(said.slice(up)).toEqual([...system, ...system])
    expect(diskBlocks).toBe(0)
    expect(starts).toEqual(['net disk', 'net disk'])
  },
)
