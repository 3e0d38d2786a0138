// A real machine boots its instance from a volume: firmware, iPXE, Debian's tgtd with CHAP and one initiator, our cloud and our conductor. Judges: the machine's
// serial console, its power log, and the file behind its own disk.
import { expect, test } from 'vitest'
import { bootFromVolume } from './volume-rack.ts'

test('a BIOS machine boots a volume when it is let in, again at each start, and never touches its own disk', async () => {
  const { said, diskBlocks, starts, steps } = await bootFromVolume({ firmware: 'bios' })
  const system = ['FERRULE-OS-UP host= uuid= firmware=bios config=']
  const volume = 'FERRULE-OS-VOLUME iqn.2026-01.org.example:vol-1 as iqn.2026-01.org.example:metal-1'
  const up = said.findIndex((line) => line.startsWith('FERRULE-OS-UP'))
  const again = 'Ferrule: that failed, next attempt in 10 s'
  expect(said.slice(0, 2)).toEqual(['Could not open SAN device: Operation not permitted', again])
  expect(said.slice(2, up).join('\n'), 'nobody is there').toMatch(/device: Connection (reset|refused|timed out)/)
  expect(said.slice(up)).toEqual([...system, volume, ...system, volume])
  expect(diskBlocks).toBe(0)
  expect(starts).toEqual(['net disk', 'net disk'])
  expect(steps).not.toContain('deploy.wait_agent')
})
