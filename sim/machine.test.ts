// The machine by itself, with conductor and cloud left away: boot services that it may boot from, and an agent API that never answers.
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { BootServices } from '../site-conductor/boot/services.ts'
import { noBoot } from './bmc/chassis.ts'
import { DHCP_PORT } from './conductor.ts'
import { makeImage } from './image.ts'
import { claimNetwork, type LoopbackNetwork } from './loopback.ts'
import { startMachine, type SimMachine } from './machine.ts'

const MIB = 2 ** 20
const PXE = { ...noBoot, valid: true, device: 1 }
const MAC = '52:54:00:00:00:01'

let folder: string
let network: LoopbackNetwork
let machine: SimMachine

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ferrule-machine-'))
  network = await claimNetwork()
  machine = await startMachine({
    name: 'm',
    mac: MAC,
    uuid: '77000000-0000-4000-8000-000000000001',
    folder,
    diskBytes: 64 * MIB,
    bmcPassword: 'secret',
    dhcpServers: [{ address: network.conductor, port: DHCP_PORT }],
    relayAddress: network.relay,
    cable: 'plugged',
  })
})
afterEach(async () => {
  await machine.close()
  await network.release()
  await rm(folder, { recursive: true, force: true })
})

async function until(check: () => boolean): Promise<void> {
  for (let tries = 0; !check(); tries++) {
    if (tries > 500) throw new Error(`not so after 5 s:\n${machine.console()}`)
    await sleep(10)
  }
}

const kinds = () => machine.transitions.map(({ kind }) => kind)
async function bootServices(ramdisk: boolean): Promise<AsyncDisposable> {
  const services = new BootServices({ onStage: () => {} })
  const file = join(folder, 'file')
  await writeFile(file, 'not a kernel')
  await services.start({
    address: network.conductor,
    mode: 'reservations',
    ports: { dhcp: DHCP_PORT, tftp: 0, http: 0 },
    loaders: {},
  })
  services.admit({
    node: 'n1',
    macs: [MAC],
    token: 'a-token-of-some-length',
    address: { ip: `127.${network.number}.1.1`, prefixLength: 16 },
    ...(ramdisk && {
      ramdisk: { kernel: file, initrd: file, kernelArguments: `ipa-api-url=http://${network.conductor}:1` },
    }),
  })
  return { [Symbol.asyncDispose]: () => services.close() }
}

test('a machine with a blank disk has nothing to boot, and its power says so', async () => {
  expect(machine.bmc.chassis.power()).toBe('off')
  machine.bmc.chassis.control('on')
  await until(() => kinds().includes('nothing to boot'))
  machine.bmc.chassis.control('on')
  machine.bmc.chassis.control('soft')
  expect(kinds()).toEqual(['power on', 'nothing to boot', 'power off'])
  expect(machine.offToOn()).toBe(1)
})

test('a boot flag counts once, a persistent one every time', async () => {
  machine.options.cable = 'pulled'
  const { chassis } = machine.bmc
  for (const flags of [PXE, undefined, { ...PXE, persistent: true }, undefined]) {
    if (flags) chassis.setBoot(flags)
    const before = kinds().filter((kind) => kind === 'nothing to boot').length
    chassis.control('on')
    await until(() => kinds().filter((kind) => kind === 'nothing to boot').length > before)
    chassis.control('off')
  }
  const starts = kinds().join().split('power on').slice(1)
  expect(starts.map((start) => start.includes('network boot'))).toEqual([true, false, true, true])
})

test('a network boot reaches the ramdisk; losing power ends it there, and the next start begins anew', async () => {
  await using _services = await bootServices(true)
  const { chassis } = machine.bmc
  chassis.setBoot({ ...PXE, persistent: true })
  chassis.control('on')
  await until(() => machine.console().includes('lookup failed'))
  expect(machine.bootBytes()).toBeGreaterThan(24)
  chassis.control('off')
  const { length } = machine.console()
  await sleep(50)
  expect(machine.console().length).toBe(length)
  chassis.control('on')
  await until(() => kinds().filter((kind) => kind === 'ramdisk').length === 2)
  expect(machine.offToOn()).toBe(2)
})

test('a machine that is told to leave the network boots from its disk', async () => {
  await using _services = await bootServices(false)
  const file = await open(machine.disk.path, 'r+')
  await file.write(makeImage(4 * MIB).bytes, 0)
  await file.close()
  machine.bmc.chassis.setBoot(PXE)
  machine.bmc.chassis.control('on')
  await until(() => kinds().includes('os up'))
  expect(kinds()).toEqual(['power on', 'network boot', 'disk boot', 'os up'])
  expect(machine.console()).toContain('FERRULE-OS-UP host= uuid= firmware=efi config=')
})

test('two networks at the same time are two networks', async () => {
  const other = await claimNetwork()
  await other.release()
  expect(other.number).not.toBe(network.number)
})
