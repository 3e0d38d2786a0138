// The same as volume-rack.lab.test.ts in UEFI firmware, whose drives iPXE's volumes become.
import { expect, test } from 'vitest'
import { bootFromVolume } from './volume-rack.ts'

test('a UEFI machine boots a volume when it is let in, again at each start, and never touches its own disk', async () => {
  const { said, diskBlocks, starts } = await bootFromVolume('uefi')
  console.log(said.join('\n'))
  const up = said.findIndex((line) => line.startsWith('FERRULE-OS-UP'))
  const system = [
    'FERRULE-OS-UP host= uuid= firmware=efi config=',
    'FERRULE-OS-VOLUME iqn.2026-01.org.example:vol-1 as iqn.2026-01.org.example:metal-1',
  ]
  expect(said.slice(0, up)).toEqual(
    expect.arrayContaining(['Could not open SAN device', 'Ferrule: that failed, next attempt in 10 s']),
  )
  expect(said.slice(up)).toEqual([...system, ...system])
  expect(diskBlocks).toBe(0)
  expect(starts).toEqual(['net disk', 'net disk'])
})
