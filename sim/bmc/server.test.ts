// The simulated BMC's own rules, on a virtual clock and without sockets: the client runs on the same clock.
import { expect, test } from 'vitest'
import * as boot from '../../site-conductor/ipmi/commands/boot-options.ts'
import { controlChassis } from '../../site-conductor/ipmi/commands/chassis-control.ts'
import { getChassisStatus } from '../../site-conductor/ipmi/commands/chassis-status.ts'
import { badNetwork } from './network.ts'
import { virtualSite } from './virtual-site.ts'

test('a session that rests longer than a minute is gone', async () => {
  const { login, pass } = virtualSite()
  const session = await login()
  pass(59_000)
  expect(await getChassisStatus(session)).toMatchObject({ power: 'off' })
  pass(61_000)
  await expect(getChassisStatus(session)).rejects.toMatchObject({ kind: 'session-lost' })
})

test('half-open sessions fill the table and are given up', async () => {
  const { bmc, sent, login, pass } = virtualSite({ sessionLimit: 1 })
  const first = await login()
  await first.close()
  const [open] = sent.filter((packet) => packet[5] === 0x10)
  expect(bmc.receive(open ?? new Uint8Array(0))?.[17]).toBe(0)
  await expect(login()).rejects.toMatchObject({ kind: 'busy' })
  pass(6_000)
  expect((await login()).alive).toBe(true)
})

test('a replayed packet does nothing', async () => {
  const { bmc, sent, login } = virtualSite()
  const session = await login()
  await controlChassis(session, 'on')
  const replay = sent.at(-1) ?? new Uint8Array(0)
  expect(bmc.receive(replay)).toBeUndefined()
  await controlChassis(session, 'off')
  expect(bmc.receive(replay)).toBeUndefined()
  expect(await getChassisStatus(session)).toMatchObject({ power: 'off' })
  expect(bmc.log.offToOn).toBe(1)
})

test('boot flags are forgotten after a minute, unless their clearing is disabled', async () => {
  const { chassis, login, pass } = virtualSite()
  const session = await login()
  const flags = { device: 'pxe', persistent: false, efi: true } as const
  await boot.setBootFlags(session, flags)
  pass(50_000)
  expect(await boot.getBootFlags(session)).toMatchObject({ valid: true })
  pass(11_000)
  expect(await boot.getBootFlags(session)).toMatchObject({ valid: false })
  await boot.setBootFlagTimeoutDisabled(session, true)
  await boot.setBootFlags(session, flags)
  pass(50_000)
  await getChassisStatus(session)
  pass(50_000)
  await controlChassis(session, 'on')
  expect(chassis.starts).toEqual([{ valid: true, persistent: false, efi: true, device: 1 }])
})

test('one-time flags serve one start, persistent ones each', async () => {
  const { chassis, login } = virtualSite()
  const session = await login()
  await boot.setBootFlags(session, { device: 'pxe', persistent: true, efi: false })
  await controlChassis(session, 'on')
  await boot.setBootFlags(session, { device: 'cdrom', persistent: false, efi: false })
  await controlChassis(session, 'reset')
  await controlChassis(session, 'reset')
  expect(chassis.starts.map(({ device }) => device)).toEqual([1, 5, 0])
})

test('hangs after as many commands as it was told', async () => {
  const { bmc, login } = virtualSite()
  const session = await login()
  bmc.faults.hangAfter = 1
  await controlChassis(session, 'on')
  await expect(controlChassis(session, 'off')).rejects.toMatchObject({ kind: 'session-lost' })
  expect(bmc.log.of('Chassis Control')).toHaveLength(1)
  await expect(login()).rejects.toMatchObject({ kind: 'timeout' })
})

test('no reads in the log where they are not wanted', async () => {
  const { bmc, login } = virtualSite({ logReads: false })
  const session = await login()
  await getChassisStatus(session)
  await controlChassis(session, 'on')
  expect(bmc.log.entries.map(({ command, user }) => `${user}: ${command}`)).toEqual(['admin: Chassis Control'])
})

test('one seed, one fate of every packet', () => {
  const fate = (seed: number) => {
    const arrived: number[] = []
    const due: [number, () => void][] = []
    const setTimer = (run: () => void, delayMs: number) => (due.push([delayMs, run]), () => {})
    const network = badNetwork(seed, { drop: 0.3, duplicate: 0.3, reorder: 0.3 }, setTimer)
    for (let packet = 0; packet < 50; packet++) network.pass(Uint8Array.of(packet), ([n = 0]) => arrived.push(n))
    for (const [, run] of due.sort(([one], [other]) => one - other)) run()
    return arrived
  }
  expect(fate(3)).toEqual(fate(3))
  expect(fate(3)).not.toEqual(fate(4))
  expect(new Set(fate(3)).size).toBeLessThan(50)
})

test('a console that does not know the password gets no session', async () => {
  const { bmc, wire, login } = virtualSite()
  wire.toBmc = (packet) => {
    // The last byte of RAKP 3 belongs to the console's proof.
    if (packet[5] === 0x14) packet[packet.length - 1] = (packet.at(-1) ?? 0) ^ 1
    return packet
  }
  await expect(login()).rejects.toMatchObject({ kind: 'authentication', message: expect.stringContaining('RAKP 4') })
  expect(bmc.sessions.active()).toEqual([])
})
