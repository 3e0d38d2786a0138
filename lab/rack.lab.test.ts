// The rack proves itself with third-party programs: ipmitool, ipmi_sim, pyghmi, SeaBIOS, OVMF, iPXE, GRUB, Linux.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { buildTinyImage } from './images/tiny.ts'
import { inRack, removeStaleDirectories } from './namespaces.ts'
import type { Finding } from './rack.lab.inside.ts'

/** Processes whose command line names the directory, as this namespace sees them. */
function processesOf(directory: string): string[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .map(commandLine)
    .filter((line) => line.includes(directory))
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return '' // it ended between the two looks
  }
}

async function eventually(condition: () => boolean): Promise<boolean> {
  for (let attempt = 0; attempt < 200 && !condition(); attempt += 1) await sleep(50)
  return condition()
}

describe('a rack with three machines', () => {
  const findings = new Map<string, unknown>()
  let directory = ''

  beforeAll(async () => {
    await buildTinyImage() // a rack has no internet to fetch a kernel from
    const run = inRack(new URL('rack.lab.inside.ts', import.meta.url), [], {
      onMessage: (message) => {
        const { name, value } = message as Finding
        findings.set(name, value)
      },
    })
    directory = run.directory
    const code = await run.exited
    if (code !== 0 || !findings.has('done')) throw new Error(`the script inside the rack ended with ${code}`)
  })

  test.each(['ipmi_sim', 'pyghmi'])('%s: ipmitool switches power and the chassis log agrees', (bmc) => {
    const [off, on] = ['Chassis Power is off', 'Chassis Power is on']
    expect(findings.get(`${bmc}: status`)).toEqual([off, on, off, on, off])
    expect(findings.get(`${bmc}: power log`)).toEqual([
      'on, bmc, net disk', // pxe, once
      'reset, bmc, disk net', // and only once
      'off, bmc',
      'on, bmc, disk net',
      'off, bmc',
    ])
    expect(findings.get(`${bmc}: reset while off`)).toMatch(/^refused: /)
  })

  test.each(['ipmi_sim', 'pyghmi'])(
    '%s: persistent and EFI boot bits read back, a spent one-time flag does not',
    (bmc) => {
      const flags = findings.get(`${bmc}: boot flags`)
      expect(flags).toContain('Boot parameter data: e004000000')
      expect(flags).toMatch(/all future boots[^]*BIOS EFI boot[^]*Force PXE/)
      expect(findings.get(`${bmc}: boot flags after a one-time start`)).toContain('Boot parameter data: 0000000000')
    },
  )

  test.each(['ipmi_sim', 'pyghmi'])('%s: its own log has the commands, byte for byte', (bmc) => {
    const log = findings.get(`${bmc}: bmc log`) as string[]
    const told = log.filter((line) => /^(02|08 05)/.test(line))
    expect(told).toEqual([
      '08 05e004000000 -> 00',
      '08 058004000000 -> 00',
      '02 01 -> 00',
      '02 03 -> 00',
      '02 02 -> 00',
      '02 00 -> 00',
      '02 03 -> d5',
    ])
  })

  test('sensors answer, users only look, a wrong password does nothing', () => {
    expect(findings.get('sensors')).toMatch(
      /Inlet Temp +\| 27 degrees C[^]*Rail 12V +\| 12.06 Volts[^]*Fan 1 +\| 6000 RPM/,
    )
    expect(findings.get('a user reads')).toContain('Chassis Power is off')
    expect(findings.get('a user switches')).toMatch(/^refused: .*[Ii]nsufficient privilege/s)
    expect(findings.get('an operator looks')).toContain('Chassis Power Control: Down/Off')
    expect(findings.get('a wrong password')).toMatch(/^refused: /)
  })

  test('the tiny OS boots by BIOS and UEFI and reads its config drive from a partition and a CD', () => {
    expect(findings.get('operating systems')).toEqual([
      'FERRULE-OS-UP host=bios-partition uuid=77000000-0000-4000-8000-525400770001 firmware=bios config=/dev/vda3',
      'FERRULE-OS-UP host=cd-host uuid=from-the-cd firmware=efi config=/dev/sr0',
    ])
    expect(findings.get('user data')).toBe('user_data: echo from bios-partition')
  })

  test('a reboot by the guest obeys a one-time boot device, the reset after it no longer does', () => {
    expect(findings.get('reboot by the guest')).toEqual([
      'on, bmc, disk net',
      'reset, guest-reset, net disk',
      'reset, bmc, disk net',
    ])
  })

  test('a soft power off is the guest shutting down', () => {
    expect(findings.get('soft power off')).toEqual(['on, bmc, disk net', 'off, guest-shutdown'])
  })

  test('nothing is left', () => {
    expect(existsSync(directory)).toBe(false)
    expect(processesOf(directory)).toEqual([])
  })
})

test('SIGKILL of the outermost process ends everything and the next run removes its directory', async () => {
  const killed = spawn(
    process.execPath,
    [fileURLToPath(new URL('rack.ts', import.meta.url)), 'up', '--memory', '128'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  let said = ''
  killed.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  expect(await eventually(() => said.includes('Ctrl-C takes everything down'))).toBe(true)
  const directory = /console (\S+)\/machine1\/console\.log/.exec(said)?.[1] ?? 'no directory'
  expect(processesOf(directory).join('\n')).toContain('ipmi_sim')

  killed.kill('SIGKILL')
  expect(await eventually(() => processesOf(directory).length === 0)).toBe(true)
  expect(existsSync(directory)).toBe(true)
  // The killed process may still be waiting to be reaped, and its lock to be let go.
  const removed: string[] = []
  const isRemoved = () => removed.push(...removeStaleDirectories()) > 0 && removed.includes(directory)
  expect(await eventually(isRemoved)).toBe(true)
  expect(existsSync(directory)).toBe(false)
})

test('a rack that is in use is not stale', async () => {
  const run = inRack(new URL('up.ts', import.meta.url), ['--bmc', 'none'], {
    stdio: 'pipe',
    onMessage: () => {
      expect(removeStaleDirectories()).not.toContain(run.directory)
      run.stop('SIGINT')
    },
  })
  expect(await run.exited).toBe(130)
  expect(existsSync(run.directory)).toBe(false)
})
