// The boot interfaces `http` and `http-ipxe`: UEFI's own HTTP boot, from a volume and by an iPXE, with nothing over TFTP. Judges: the machine's serial
// console, the BMC's power log, the timeline.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { deployOnRack } from './demo/rack.ts'

const keep = mkdtempSync(join(tmpdir(), 'ferrule-e2e-'))
afterAll(() => rmSync(keep, { recursive: true, force: true }))

/** OVMF makes an entry for each way to boot: those over IPv6 are not needed, that of the disk that is deployed is. */
const DEPLOY_STEPS = [
  { interface: 'deploy', step: 'clean_uefi_nvram', priority: 50, args: { match_patterns: ['IPv6\\(', '^HD\\('] } },
  {
    interface: 'deploy',
    step: 'inject_files',
    priority: 70,
    args: { files: [{ path: '/EFI/ferrule.txt', content: Buffer.from('injected').toString('base64') }] },
  },
]

test('UEFI machines deploy by HTTP boot alone, from a volume where iPXE is not wanted', async () => {
  const lines: string[] = []
  const machines = await deployOnRack({
    print: (line) => lines.push(line),
    machines: ['http', 'http-ipxe'].map((name) => ({
      name,
      firmware: 'uefi',
      networkBoot: 'http',
      bootInterface: name,
      deploySteps: DEPLOY_STEPS,
    })),
    format: 'qcow2',
    keep,
  })
  for (const { name, result, powerOns, consoleLines } of machines) {
    expect(result.osLine, consoleLines.join('\n')).toMatch(
      new RegExp(`FERRULE-OS-UP host=${name}\\.demo uuid=${result.uuid} firmware=efi config=/dev/`),
    )
    expect(powerOns).toBe(2)
    expect(result.stepResults).toContain('inject_files: /EFI/ferrule.txt')
    const nvram = result.stepResults.find((told) => told.startsWith('clean_uefi_nvram'))
    expect(nvram).toMatch(/removed Boot[0-9A-F]{4} \(UEFI .*v6.*; in use and kept: .*Boot/)
    expect(nvram).not.toContain('(Ferrule instance)')
  }
  const of = (name: string) => lines.filter((line) => line.startsWith(`${name} `)).join('\n')
  expect(of('http')).toMatch(/ medium /)
  expect(of('http')).not.toMatch(/ tftp | ipxe-script | kernel {2}/)
  expect(of('http-ipxe')).toMatch(/ http-loader /)
  expect(of('http-ipxe')).not.toMatch(/ tftp | medium /)
})
