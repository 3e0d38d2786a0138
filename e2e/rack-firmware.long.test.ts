// The whole story on real parts: firmware, a third-party BMC, the network, our cloud, conductor, ramdisk and agent, and a system that
// boots from the disk that was written. Judges: the machine's own serial console and the BMC's power log.
import { afterAll, expect, test } from 'vitest'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deployOnRack } from './demo/rack.ts'

const keep = mkdtempSync(join(tmpdir(), 'ferrule-e2e-'))
afterAll(() => rmSync(keep, { recursive: true, force: true }))

test('a BIOS machine boots the image that was asked for, with its config drive, in two power-ons', async () => {
  const lines: string[] = []
  const [told] = await deployOnRack({ print: (line) => lines.push(line), format: 'qcow2', keep: join(keep, 'bios') })
  const { result, powerOns, bmcControls, consoleLines } = told!
  expect(result.osLine, consoleLines.join('\n')).toMatch(
    new RegExp(`FERRULE-OS-UP host=metal-1\\.demo uuid=${result.uuid} firmware=bios config=/dev/`),
  )
  expect(powerOns).toBe(2)
  expect(bmcControls, 'on into the ramdisk, off, on into the instance; never a cycle or a reset').toEqual(
    bmcControls.includes('00') ? ['01', '00', '01'] : ['01', '01'],
  )
  const story = lines.join('\n')
  for (const stage of ['dhcp-ack', 'ipxe-script', 'kernel', 'ramdisk', 'agent.call', 'write_image'])
    expect(story).toContain(stage)
  for (const step of [
    'power.power_on',
    'deploy.wait_agent',
    'deploy.write_image',
    'deploy.write_configdrive',
    'deploy.tear_down_agent',
  ]) {
    expect(story).toContain(`✓ ${step}`)
  }
})

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
  expect(story).toContain('tftp')
  expect(story).not.toContain('ipxe-script')
})
