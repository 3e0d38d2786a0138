// The whole story on real parts: firmware, a third-party BMC, the network, our cloud, conductor, ramdisk and agent, and a system that
// boots from the disk that was written. Two machines side by side differ in all that a deployment can differ in. Judges: the machines' own serial
// consoles and the BMCs' power logs.
import { afterAll, expect, test } from 'vitest'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deployOnRack } from './demo/rack.ts'

const keep = mkdtempSync(join(tmpdir(), 'ferrule-e2e-'))
afterAll(() => rmSync(keep, { recursive: true, force: true }))

test('a BIOS machine that writes its disk and a UEFI machine whose disk is written over iSCSI boot the image that was asked for', async () => {
  const lines: string[] = []
  const told = await deployOnRack({
    print: (line) => lines.push(line),
    machines: [
      { name: 'metal-1', firmware: 'bios' },
      { name: 'metal-2', firmware: 'uefi', networkBoot: 'firmware', deployInterface: 'iscsi' },
    ],
    format: 'qcow2',
    keep,
  })
  const story = lines.join('\n')
  for (const [index, booted] of ['bios', 'efi'].entries()) {
    const { name, result, powerOns, bmcControls, consoleLines } = told[index]!
    expect(result.osLine, consoleLines.join('\n')).toMatch(
      new RegExp(`FERRULE-OS-UP host=${name}\\.demo uuid=${result.uuid} firmware=${booted} config=/dev/`),
    )
    expect(powerOns, name).toBe(2)
    expect(bmcControls, 'on into the ramdisk, off, on into the instance; never a cycle or a reset').toEqual(
      bmcControls.includes('00') ? ['01', '00', '01'] : ['01', '01'],
    )
    for (const part of [
      'dhcp-ack',
      'ipxe-script',
      'kernel',
      'ramdisk',
      'agent.call',
      '✓ power.power_on',
      '✓ deploy.wait_agent',
      '✓ deploy.write_image',
      '✓ deploy.write_configdrive',
      '✓ deploy.tear_down_agent',
    ])
      expect(story).toMatch(new RegExp(`^${name} .*${part.replace('.', '\\.')}`, 'm'))
  }
  const { firmwareLines } = told[1]!
  expect(firmwareLines[0], 'the firmware’s own network stack').toMatch(/PXEv4/)
  expect(firmwareLines.at(-1), 'the boot entry that the agent made').toMatch(/"Ferrule instance" from HD\(/)
  expect(story).toMatch(/^metal-1 .*write_image {2}/m)
  expect(story).toMatch(/^metal-2 .*write_image\.verified/m)
  // The agent says whom it let in, and that it was with a secret.
  expect(readFileSync(join(keep, 'metal-2', 'console.log'), 'utf8')).toMatch(
    /exported as iqn\.\S+ to \d+\.\d+\.\d+\.\d+\s*$/m,
  )
})
