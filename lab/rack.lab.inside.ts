// Runs inside a rack for rack.lab.test.ts: real clients, real firmware. It does things and reports what came of them;
// what that should be stands in the test.
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { buildConfigDrive } from '../site-conductor/config-drive/config-drive.ts'
import { accounts } from './bmc/ipmi-sim.ts'
import { addConfigDrive, writeImage } from './disk.ts'
import { buildTinyImage } from './images/tiny.ts'
import { rackDirectory } from './namespaces.ts'
import { Rack } from './rack.ts'
import type { RackMachine } from './rack.ts'
import { run } from './run.ts'

/** What this script sends to the test, one after the other. */
export type Finding = { readonly name: string; readonly value: unknown }

const UP_WITHIN_MS = 120_000
const report = (name: string, value: unknown) => process.send?.({ name, value } satisfies Finding)

type Account = { readonly username: string; readonly password: string }

function ipmitool({ bmc }: RackMachine, args: readonly string[], account: Account = bmc): Promise<string> {
  const who = ['-H', bmc.address, '-U', account.username, '-P', account.password]
  return run('ipmitool', ['-I', 'lanplus', '-C', '3', '-N', '1', '-R', '2', ...who, ...args])
}

const failure = (outcome: Promise<string>) => outcome.then(String, (error: Error) => `refused: ${error.message}`)
const powerStory = ({ powerLog }: RackMachine) =>
  powerLog.map(({ event, cause, order }) => [event, cause, order?.join(' ')].filter(Boolean).join(', '))

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    if (condition()) return
    await sleep(50)
  }
  throw new Error(`${what} did not happen within 30 s`)
}

// A BMC driven by a real client, without an operating system.
async function drivePower(machine: RackMachine, what: string): Promise<void> {
  const ipmi = (...args: string[]) => ipmitool(machine, args)
  const said: string[] = []
  said.push(await ipmi('power', 'status'))
  await ipmi('chassis', 'bootdev', 'pxe', 'options=persistent,efiboot')
  report(`${what}: boot flags`, await ipmi('chassis', 'bootparam', 'get', '5'))
  await ipmi('chassis', 'bootdev', 'pxe')
  await ipmi('power', 'on')
  said.push(await ipmi('power', 'status'))
  report(`${what}: boot flags after a one-time start`, await ipmi('chassis', 'bootparam', 'get', '5'))
  await ipmi('power', 'reset')
  await ipmi('power', 'cycle')
  said.push(await ipmi('power', 'status'))
  await until(() => machine.machine.powerOns === 2, 'the second half of the power cycle')
  said.push(await ipmi('power', 'status'))
  await ipmi('power', 'off')
  said.push(await ipmi('power', 'status'))
  report(
    `${what}: status`,
    said.map((line) => line.trim()),
  )
  report(`${what}: power log`, powerStory(machine))
  report(`${what}: reset while off`, await failure(ipmi('power', 'reset')))
  const commands = readFileSync(machine.bmcLog, 'utf8').trim().split('\n')
  report(
    `${what}: bmc log`,
    commands.map((line) => line.replace(/^\d+\.\d+ /, '')),
  )
}

async function readSensorsAndRights(machine: RackMachine): Promise<void> {
  report('sensors', await ipmitool(machine, ['sdr']))
  report('a user reads', await failure(ipmitool(machine, ['-L', 'USER', 'power', 'status'], accounts.user)))
  report('a user switches', await failure(ipmitool(machine, ['-L', 'USER', 'power', 'on'], accounts.user)))
  report('an operator looks', await failure(ipmitool(machine, ['-L', 'OPERATOR', 'power', 'off'], accounts.operator)))
  report('a wrong password', await failure(ipmitool(machine, ['power', 'status'], { ...accounts.user, password: 'x' })))
}

async function deployed(machine: RackMachine, image: string): Promise<void> {
  const [disk] = machine.disks
  if (disk === undefined) throw new Error(`${machine.name} has no disk`)
  await writeImage(disk, image)
  await addConfigDrive(disk, configDrive(machine))
}

function configDrive({ uuid, name }: RackMachine): Uint8Array {
  return buildConfigDrive({ user_data: `#!/bin/sh\necho from ${name}\n` }, { node: { uuid, name }, time: new Date(0) })
}

// Serial-over-LAN in both directions: the shell of the test OS is told to reboot.
async function rebootOverSerialLan({ bmc, machine }: RackMachine): Promise<void> {
  const before = machine.starts
  const who = ['-H', bmc.address, '-U', bmc.username, '-P', bmc.password]
  const terminal = spawn('ipmitool', ['-I', 'lanplus', '-C', '3', ...who, 'sol', 'activate'])
  let shown = ''
  terminal.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString('latin1')))
  await until(() => shown.includes('SOL Session operational'), 'serial-over-LAN')
  terminal.stdin.write('\recho over-$((40+2))-lan\r')
  await until(() => shown.includes('over-42-lan'), 'an echo over serial-over-LAN')
  terminal.stdin.write('reboot -f\r')
  await until(() => machine.starts > before, 'the reboot')
  terminal.kill('SIGKILL')
}

const started = Date.now()
const cdrom = join(rackDirectory(), 'config.iso')
writeFileSync(cdrom, buildConfigDrive({}, { node: { uuid: 'from-the-cd', name: 'cd-host' }, time: new Date(0) }))
const rack = await Rack.up({
  machines: [
    { name: 'bios-partition', firmware: 'bios', memoryMiB: 384, disks: [{ sizeGiB: 1 }] },
    { name: 'uefi-cd', firmware: 'uefi', memoryMiB: 384, disks: [{ sizeGiB: 1, bus: 'nvme' }], cdrom },
    { name: 'empty-pyghmi', firmware: 'bios', memoryMiB: 256, bmc: 'pyghmi' },
  ],
})
report('seconds until up', (Date.now() - started) / 1000)
const [bios, uefi, pyghmi] = rack.machines as [RackMachine, RackMachine, RackMachine]

await Promise.all([drivePower(bios, 'ipmi_sim'), drivePower(pyghmi, 'pyghmi')])
await readSensorsAndRights(bios)

const image = await buildTinyImage({ format: 'qcow2' })
await deployed(bios, image.path)
await writeImage(uefi.disks[0] ?? '', image.path)
const firstStart = bios.powerLog.length
await Promise.all([bios, uefi].map((machine) => ipmitool(machine, ['power', 'on'])))
const lines = await Promise.all([bios, uefi].map(({ console }) => console.waitFor(/FERRULE-OS-UP/, UP_WITHIN_MS)))
report('operating systems', lines)
report('user data', await bios.console.waitFor(/^user_data: echo/, UP_WITHIN_MS))

await ipmitool(bios, ['chassis', 'bootdev', 'pxe'])
await bios.console.waitFor(/Enter 'help'/, UP_WITHIN_MS)
await rebootOverSerialLan(bios)
await until(() => (rack.router?.answered ?? 0) > 0, 'a router solicitation of iPXE')
await ipmitool(bios, ['power', 'reset'])
await ipmitool(uefi, ['power', 'soft'])
await until(() => !uefi.machine.isOn, 'the soft power off')
report('reboot by the guest', powerStory(bios).slice(firstStart))
report('soft power off', powerStory(uefi))
await rack.down()
report('done', true)
