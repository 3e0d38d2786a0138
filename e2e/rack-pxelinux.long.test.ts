// Boot interface `pxe` on a BIOS: PXELINUX, kernel and ramdisk by TFTP. Every legacy ROM that Debian has for qemu is an iPXE; here it is no
// more than the PXE client that loads PXELINUX and the PXE API that PXELINUX calls (docs/adr/0007). Judges: console, power log, timeline.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { deployOnRack } from './demo/rack.ts'

const keep = mkdtempSync(join(tmpdir(), 'ferrule-e2e-'))
afterAll(() => rmSync(keep, { recursive: true, force: true }))

test('a BIOS machine deploys by PXELINUX, with kernel and ramdisk over TFTP, where iPXE is not wanted', async () => {
  const lines: string[] = []
  const [told] = await deployOnRack({
    print: (line) => lines.push(line),
    machines: [{ name: 'pxelinux', firmware: 'bios', bootInterface: 'pxe' }],
    format: 'qcow2',
    keep,
  })
  const { result, powerOns, consoleLines } = told!
  expect(result.osLine, consoleLines.join('\n')).toMatch(
    new RegExp(`FERRULE-OS-UP host=pxelinux\\.demo uuid=${result.uuid} firmware=bios config=/dev/`),
  )
  expect(powerOns).toBe(2)
  const story = lines.join('\n')
  expect(story, 'megabytes: the kernel and the ramdisk').toMatch(/ tftp +\d{2,}\.\d MB/)
  expect(story, 'nothing over HTTP before the agent').not.toMatch(/ipxe-script|http-loader| kernel  | ramdisk  /)
  expect(readFileSync(join(keep, 'pxelinux', 'console.log'), 'utf8')).toContain('PXELINUX 6.')
})
