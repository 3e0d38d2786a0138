// Answers that come late, twice or never, on a virtual clock: what a session believes, and what it leaves at the BMC.
import { expect, test } from 'vitest'
import { virtualSite } from '../../sim/bmc/virtual-site.ts'
import { controlChassis } from './commands/chassis-control.ts'
import { getChassisStatus } from './commands/chassis-status.ts'
import { getDeviceId } from './commands/device-id.ts'

/** Payload type of a datagram outside a session. */
const typeOf = (packet: Uint8Array) => packet[5]
const rakp4 = 0x15

test('a late answer to an earlier poll is not taken for the answer to this one', async () => {
  const { wire, deliver, login } = virtualSite()
  const session = await login()
  const held: Uint8Array[] = []
  wire.toClient = (packet) => void held.push(packet)
  const first = getChassisStatus(session)
  wire.toClient = (packet) => packet
  expect(await first).toMatchObject({ power: 'off' })
  await controlChassis(session, 'on')
  const second = getChassisStatus(session)
  expect(held).toHaveLength(1)
  for (const packet of held) deliver(packet)
  expect(await second).toMatchObject({ power: 'on' })
})

test('a replayed answer is not taken when its request number comes round again', async () => {
  const { wire, deliver, login } = virtualSite()
  const session = await login()
  const recorded: Uint8Array[] = []
  wire.toClient = (packet) => (recorded.push(packet), packet)
  await getChassisStatus(session)
  wire.toClient = (packet) => packet
  await controlChassis(session, 'on')
  for (let number = 0; number < 62; number++) await getDeviceId(session)
  const status = getChassisStatus(session)
  for (const packet of recorded) deliver(packet)
  expect(await status).toMatchObject({ power: 'on' })
})

test('changed and invented packets are not believed, and do no harm', async () => {
  const { wire, deliver, login } = virtualSite()
  const session = await login()
  wire.toClient = (packet) => {
    deliver(Uint8Array.of(6, 0, 0xff, 7, 6))
    for (let at = 0; at < packet.length; at++) deliver(packet.with(at, (packet[at] ?? 0) ^ 1))
    return packet
  }
  expect(await getChassisStatus(session)).toMatchObject({ power: 'off' })
})

test('a handshake whose last message is lost begins anew and leaves nothing behind', async () => {
  const { bmc, wire, login } = virtualSite({ sessionLimit: 1 })
  let lost = 0
  wire.toClient = (packet) => (typeOf(packet) === rakp4 && ++lost <= 2 ? undefined : packet)
  const session = await login()
  expect(lost).toBe(3)
  expect(await getChassisStatus(session)).toMatchObject({ power: 'off' })
  expect(bmc.sessions.active().map(({ id }) => id)).toEqual([session.id])
})

test('a handshake that never ends gives up, and its sessions at the BMC are closed', async () => {
  const { bmc, wire, login } = virtualSite()
  wire.toClient = (packet) => (typeOf(packet) === rakp4 ? undefined : packet)
  await expect(login()).rejects.toMatchObject({ kind: 'timeout' })
  expect(bmc.sessions.active()).toEqual([])
})

test('a BMC that proves a password but not the session key is refused', async () => {
  const { bmc, wire, login } = virtualSite()
  wire.toClient = (packet) =>
    typeOf(packet) === rakp4 ? packet.with(packet.length - 1, (packet.at(-1) ?? 0) ^ 1) : packet
  await expect(login()).rejects.toMatchObject({ kind: 'authentication' })
  expect(bmc.sessions.active()).toEqual([])
})
