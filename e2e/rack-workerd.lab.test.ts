// The same story with the cloud as it is hosted: inside workerd, on a database server. The machine boots over HTTP. Judges: its own serial console and the
// BMC's power log.
import { afterAll, expect, test } from 'vitest'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deployOnRack } from './demo/rack.ts'

const keep = mkdtempSync(join(tmpdir(), 'ferrule-e2e-'))
afterAll(() => rmSync(keep, { recursive: true, force: true }))

test('a machine boots the image that was asked for when the cloud runs in workerd', async () => {
  const lines: string[] = []
  const [told] = await deployOnRack({
    print: (line) => lines.push(line),
    machines: [{ name: 'metal-1', firmware: 'uefi', networkBoot: 'http' }],
    cloud: 'workerd',
    keep,
  })
  const { result, powerOns, firmwareLines, consoleLines } = told!
  expect(result.osLine, consoleLines.join('\n')).toMatch(
    new RegExp(`FERRULE-OS-UP host=metal-1\\.demo uuid=${result.uuid} firmware=efi config=/dev/`),
  )
  expect(powerOns).toBe(2)
  expect(firmwareLines[0]).toMatch(/HTTPv4/)
  const story = lines.join('\n')
  expect(story).toMatch(/^cloud is up in workerd: /m)
  expect(story).toContain('✓ deploy.write_image')
  // The config drive that the machine got lay in workerd's R2; the same cloud on Node has none.
  const kept = readdirSync(join(keep, 'cloud', 'workerd'), { recursive: true }).map(String)
  expect(
    kept.some((path) => /\/r2\/ferrule-blobs\/blobs\/\w+$/.test(path)),
    kept.join('\n'),
  ).toBe(true)
})
