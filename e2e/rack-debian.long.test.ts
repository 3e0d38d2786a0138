// A real distribution, deployed to real firmware: Debian 12 configures itself from the config drive. Judges: its serial console, where
// cloud-init prints what the kernel and the disk say (not what we sent), the BMC's power log, and the timeline.
import { afterAll, expect, test } from 'vitest'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deployOnRack } from './demo/rack.ts'

const keep = mkdtempSync(join(tmpdir(), 'ferrule-e2e-'))
afterAll(() => rmSync(keep, { recursive: true, force: true }))

test.each([
  ['bios', 'bios'],
  ['uefi', 'efi'],
] as const)('Debian on %s takes name, uuid and static address from its config drive', async (firmware, booted) => {
  const lines: string[] = []
  const [told] = await deployOnRack({
    print(line) {
      lines.push(line)
      console.log(line) // a test of minutes says what it is at
    },
    system: 'debian',
    machines: [{ name: 'metal-1', firmware }],
    keep: join(keep, firmware),
  })
  const { result, powerOns, consoleLines } = told!
  expect(result.osLine, consoleLines.join('\n')).toMatch(
    new RegExp(
      `FERRULE-OS-UP host=metal-1\\.demo uuid=${result.uuid} firmware=${booted} config=/dev/vda4 address=10\\.77\\.0\\.120/24$`,
    ),
  )
  expect(powerOns).toBe(2)
  expect(lines.join('\n')).toContain('✓ deploy.write_image')
})
