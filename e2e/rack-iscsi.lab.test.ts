// The whole story with the deploy interface `iscsi`: the agent exports the disk, the conductor writes it from user space. Judges: the machine's own
// serial console and the BMC's power log.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { deployOnRack } from './demo/rack.ts'

const keep = mkdtempSync(join(tmpdir(), 'ferrule-e2e-'))
afterAll(() => rmSync(keep, { recursive: true, force: true }))

test.each([
  ['bios', 'qcow2', 'bios'],
  ['uefi', 'raw', 'efi'],
] as const)('a %s machine boots a %s image that the conductor wrote over iSCSI', async (firmware, format, shown) => {
  const lines: string[] = []
  const folder = join(keep, firmware)
  const { result, powerOns, consoleLines } = await deployOnRack({
    print: (line) => lines.push(line),
    deployInterface: 'iscsi',
    format,
    firmware,
    keep: folder,
  })
  const story = lines.join('\n')
  expect(result.osLine, consoleLines.join('\n')).toMatch(
    new RegExp(`FERRULE-OS-UP host=metal-1\\.demo uuid=${result.uuid} firmware=${shown} config=/dev/`),
  )
  expect(powerOns).toBe(2)
  for (const stage of ['write_image.exported', 'write_image.written', 'write_image.verified'])
    expect(story).toContain(stage)
  for (const step of ['deploy.write_image', 'deploy.write_configdrive', 'deploy.tear_down_agent'])
    expect(story).toContain(`✓ ${step}`)
  // The agent says whom it let in, and that it was with a secret.
  expect(readFileSync(join(folder, 'console.log'), 'utf8')).toMatch(/exported as iqn\.\S+ to \d+\.\d+\.\d+\.\d+\s*$/m)
  if (process.env['FERRULE_STORY'] !== undefined) console.log(story)
})
