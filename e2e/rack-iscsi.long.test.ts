// The whole story with the deploy interface `iscsi`: the agent exports the disk, the conductor writes it from user space. Judges: the machine's own
// serial console and the BMC's power log.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { deployOnRack } from './demo/rack.ts'

const keep = mkdtempSync(join(tmpdir(), 'ferrule-e2e-'))
afterAll(() => rmSync(keep, { recursive: true, force: true }))

test('a BIOS and a UEFI machine side by side boot the image that the conductor wrote over iSCSI', async () => {
  const lines: string[] = []
  const told = await deployOnRack({
    print: (line) => lines.push(line),
    machines: [
      { name: 'metal-1', firmware: 'bios', deployInterface: 'iscsi' },
      { name: 'metal-2', firmware: 'uefi', deployInterface: 'iscsi' },
    ],
    format: 'qcow2',
    keep,
  })
  const story = lines.join('\n')
  for (const [index, shown] of ['bios', 'efi'].entries()) {
    const { name, result, powerOns, consoleLines } = told[index]!
    expect(result.osLine, consoleLines.join('\n')).toMatch(
      new RegExp(`FERRULE-OS-UP host=${name}\\.demo uuid=${result.uuid} firmware=${shown} config=/dev/`),
    )
    expect(powerOns).toBe(2)
    // The agent says whom it let in, and that it was with a secret.
    expect(readFileSync(join(keep, name, 'console.log'), 'utf8')).toMatch(
      /exported as iqn\.\S+ to \d+\.\d+\.\d+\.\d+\s*$/m,
    )
    for (const part of [
      'write_image.exported',
      'write_image.written',
      'write_image.verified',
      '✓ deploy.write_image',
      '✓ deploy.write_configdrive',
    ]) {
      expect(story).toMatch(new RegExp(`${name}.*${part.replace('.', '\\.')}`))
    }
  }
})
