// A real machine boots its instance from a volume: firmware, iPXE, Debian's tgtd with CHAP and one initiator, our cloud and our conductor. Judges: the machine's
// serial console, its power log, and the file behind its own disk.
import { expect, test } from 'vitest'
import { bootFromVolume } from './volume-rack.ts'

test('a BIOS machine boots a volume when it is let in, again at each start, and never touches its own disk', async () => {
  const { said, diskBlocks, starts, steps } = await bootFromVolume('bios')
  const system = ['FERRULE-OS-UP host= uuid= firmware=bios config=']
  const volume = 'FERRULE-OS-VOLUME iqn.2026-01.org.example:vol-1 as iqn.2026-01.org.example:metal-1'
  const up = said.findIndex((line) => line.startsWith('FERRULE-OS-UP'))
  expect(said.slice(0, up), 'wrong secret, then nobody there').toEqual(
    expect.arrayContaining(['Could not open SAN device', 'Ferrule: that failed, next attempt in 10 s']),
  )
  expect(said.slice(up)).toEqual([...system, volume, ...system, volume])
  expect(diskBlocks).toBe(0)
  expect(starts).toEqual(['net disk', 'net disk'])
  expect(steps).not.toContain('deploy.wait_agent')
})
