// The ways by which UEFI firmware comes to the ramdisk and from there to its disk: its own PXE and HTTP boot, and GRUB. Judges: the machine's own serial
// console and the BMC's power log.
import { afterAll, expect, test } from 'vitest'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deployOnRack } from './demo/rack.ts'

const keep = mkdtempSync(join(tmpdir(), 'ferrule-e2e-'))
afterAll(() => rmSync(keep, { recursive: true, force: true }))

test('UEFI machines deploy by their own PXE and HTTP boot, once, and then start the loader of their image', async () => {
  const lines: string[] = []
  const machines = await deployOnRack({
    print: (line) => lines.push(line),
    machines: [
      { name: 'uefi-pxe', firmware: 'uefi', networkBoot: 'firmware' },
      { name: 'uefi-http', firmware: 'uefi', networkBoot: 'http' },
    ],
    format: 'qcow2',
    keep: join(keep, 'uefi'),
  })
  for (const { name, result, powerOns, starts, firmwareLines, consoleLines } of machines) {
    expect(result.osLine, consoleLines.join('\n')).toMatch(
      new RegExp(`FERRULE-OS-UP host=${name}\\.demo uuid=${result.uuid} firmware=efi config=/dev/`),
    )
    expect(powerOns).toBe(2)
    expect(starts, 'one-time network boot, then the disk').toEqual([
      ['net', 'disk'],
      ['disk', 'net'],
    ])
    expect(firmwareLines[0]).toMatch(name === 'uefi-pxe' ? /PXEv4/ : /HTTPv4/)
    expect(firmwareLines.at(-1), 'the boot entry that the agent made').toMatch(/"Ferrule instance" from HD\(/)
  }
  const story = lines.join('\n')
  expect(story).toMatch(/^uefi-pxe .*tftp /m)
  expect(story).toMatch(/^uefi-http .*http-loader/m)
})

test('a UEFI machine deploys by GRUB, with kernel and ramdisk over TFTP, where iPXE is not wanted', async () => {
  const lines: string[] = []
  const [told] = await deployOnRack({
    print: (line) => lines.push(line),
    machines: [{ name: 'grub', firmware: 'uefi', networkBoot: 'firmware', bootInterface: 'pxe' }],
    format: 'qcow2',
    keep: join(keep, 'grub'),
  })
  const { result, powerOns, consoleLines } = told!
  expect(result.osLine, consoleLines.join('\n')).toMatch(
    new RegExp(`FERRULE-OS-UP host=grub\\.demo uuid=${result.uuid} firmware=efi config=/dev/`),
  )
  expect(powerOns).toBe(2)
  const story = lines.join('\n')
  expect(story, 'megabytes: the kernel and the ramdisk').toMatch(/ tftp +\d{2,}\.\d MB/)
  expect(story).not.toContain('ipxe-script')
})
