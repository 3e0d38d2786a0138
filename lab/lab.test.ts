// The small pure parts of the lab.
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { emulatorCommands, lanConfiguration, sensorRecords } from './bmc/ipmi-sim.ts'
import { cached, contentHash } from './cache.ts'
import { followConsole } from './console.ts'
import { missingPackages, requirePackages } from './debian-packages.ts'
import { addresses, networkCommands } from './network.ts'
import { requestedMachines } from './up-options.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ferrule-lab-test-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('the cache', () => {
  test('builds an entry once', async () => {
    let builds = 0
    const build = async (directory: string) => {
      builds += 1
      writeFileSync(join(directory, 'made'), 'yes')
    }
    const [first, second] = [await cached('x', build, folder), await cached('x', build, folder)]
    expect(first).toBe(second)
    expect(builds).toBe(1)
    expect(readFileSync(join(first, 'made'), 'utf8')).toBe('yes')
  })

  test('two builders at once both get the entry and leave no drafts', async () => {
    const build = async (directory: string) => writeFileSync(join(directory, 'made'), '')
    const [first, second] = await Promise.all([cached('x', build, folder), cached('x', build, folder)])
    expect(first).toBe(second)
    expect(existsSync(join(first, 'made'))).toBe(true)
  })

  test('a build that fails leaves no entry', async () => {
    await expect(cached('x', () => Promise.reject(new Error('no')), folder)).rejects.toThrow('no')
    expect(existsSync(join(folder, 'x'))).toBe(false)
  })

  test('a hash tells parts apart', () => {
    expect(contentHash(['ab', 'c'])).not.toBe(contentHash(['a', 'bc']))
    expect(contentHash(['ab'])).toBe(contentHash([Buffer.from('ab')]))
  })
})

describe('the console', () => {
  test('is followed from before it exists, line by line, without escape sequences', async () => {
    const path = join(folder, 'console.log')
    const console = followConsole(path)
    const line = console.waitFor(/UP/, 10_000)
    writeFileSync(path, 'first\r\n\x1b[0;1mFERRULE-OS')
    appendFileSync(path, '-UP\x1b[0m\r\nlast')
    expect(await line).toBe('FERRULE-OS-UP')
  })

  test('waiting again looks after the last match, even among lines that were already there', async () => {
    const path = join(folder, 'console.log')
    writeFileSync(path, 'boot 1\nboot 2\n')
    const console = followConsole(path)
    expect(await console.waitFor(/boot/, 10_000)).toBe('boot 1')
    expect(await console.waitFor(/boot/, 10_000)).toBe('boot 2')
    await expect(console.waitFor(/boot/, 1)).rejects.toThrow('no /boot/')
  })
})

describe('the network', () => {
  test('each machine has a tap on the provisioning bridge and a BMC address', () => {
    const commands = networkCommands(2)
    expect(commands).toContain('tuntap add dev machine2 mode tap')
    expect(commands.filter((line) => line.includes('master prov'))).toHaveLength(2)
    expect(commands).toContain(`addr add ${addresses.bmc(1)}/24 dev oob`)
    expect(commands).toContain(`addr add ${addresses.conductor}/24 brd + dev prov`)
  })

  test('more machines than addresses are refused', () => {
    expect(() => networkCommands(241)).toThrow('240')
  })
})

describe('the configuration of ipmi_sim', () => {
  const configuration = lanConfiguration(
    {
      name: 'm1',
      directory: '/rack/m1',
      address: '10.78.0.11',
      uuid: '77000000-0000-4000-8000-525400770001',
      consolePort: 18100,
      inBandPort: 18600,
    },
    '/cache/chassis-relay.so',
  )

  test('names the relay, the accounts and the way to the console', () => {
    expect(configuration).toContain('loadlib "/cache/chassis-relay.so" "/rack/m1"')
    expect(configuration).toContain('addr 10.78.0.11 623')
    expect(configuration).toContain('guid 77000000000040008000525400770001')
    expect(configuration).toMatch(/sol "tcp:127\.0\.0\.1:18100"/)
    expect(configuration.match(/^ {2}user /gm)).toHaveLength(3)
  })

  test('every sensor that has a value has a record', () => {
    const numbers = [...emulatorCommands().matchAll(/sensor_add 0x20 0 (\d+)/g)].map(([, number]) => number)
    expect(numbers.length).toBeGreaterThan(0)
    for (const number of numbers) expect(sensorRecords()).toContain(`sensor_number ${number}\n`)
  })
})

describe('the command line', () => {
  test('asks for machines', () => {
    const { machines, tiny } = requestedMachines(['--machines', '2', '--firmware', 'uefi', '--memory', '512', '--tiny'])
    expect(machines.map(({ name }) => name)).toEqual(['machine1', 'machine2'])
    expect(machines[0]).toMatchObject({ firmware: 'uefi', memoryMiB: 512, bmc: 'ipmi_sim', disks: [{ sizeGiB: 8 }] })
    expect(tiny).toBe(true)
  })

  test.each([
    ['--machines', '0'],
    ['--machines', 'x'],
    ['--firmware', 'coreboot'],
    ['--disk', '1.5'],
    ['--bmc', 'ilo'],
  ])('%s %s is answered with the usage', (option, value) => {
    expect(() => requestedMachines([option, value])).toThrow('node lab/rack.ts up')
  })
})

test('a missing package is named with the command that installs it', () => {
  const packages = [
    { package: 'dash', needs: '/bin/sh', why: '' },
    { package: 'no-such-package', needs: 'no-such-program-here', why: '' },
  ]
  expect(missingPackages(packages).map((one) => one.package)).toEqual(['no-such-package'])
  expect(() => requirePackages(packages)).toThrow('sudo apt-get install no-such-package')
})
