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
  const { result, powerOns, consoleLines } = await deployOnRack({
    print: (line) => lines.push(line),
    format: 'qcow2',
    keep,
  })
  expect(result.osLine, consoleLines.join('\n')).toMatch(
    new RegExp(`FERRULE-OS-UP host=metal-1\\.demo uuid=${result.uuid} firmware=bios config=/dev/`),
  )
  expect(powerOns).toBe(2)
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
