// The deploy interface `ansible` on the rack: a playbook, run by the conductor, writes the disk of a machine by SSH to the dropbear of its real ramdisk, with nothing but
// busybox there. Judges: the machine's serial console, the BMC's power log, the timeline.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { deployOnRack } from './demo/rack.ts'

const keep = mkdtempSync(join(tmpdir(), 'ferrule-e2e-'))
afterAll(() => rmSync(keep, { recursive: true, force: true }))

test('a playbook deploys a machine: the image by SSH, config drive and boot entry by the agent', async () => {
  const lines: string[] = []
  const [told] = await deployOnRack({
    print: (line) => lines.push(line),
    machines: [{ name: 'ansible', firmware: 'uefi', deployInterface: 'ansible' }],
    format: 'qcow2',
    keep,
  })
  const { result, powerOns, consoleLines } = told!
  expect(result.osLine, consoleLines.join('\n')).toMatch(
    new RegExp(`FERRULE-OS-UP host=ansible\\.demo uuid=${result.uuid} firmware=efi config=/dev/`),
  )
  expect(powerOns).toBe(2)
  const console = readFileSync(join(keep, 'ansible', 'console.log'), 'utf8')
  expect(console).toContain('SSH server on port 22 for one key')
  expect(console).toMatch(/ssh\.stop_server succeeded/)
})
