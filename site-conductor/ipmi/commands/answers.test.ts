// Every command against a session that answers what the test says: whole answers, cut ones, and the bytes that were asked.
import { expect, test } from 'vitest'
import { IpmiError } from '../errors.ts'
import type { Command, Requester } from '../request.ts'
import * as boot from './boot-options.ts'
import { readChannelAuth } from './channel-auth.ts'
import { controlChassis } from './chassis-control.ts'
import { getChassisStatus } from './chassis-status.ts'
import { closeSessionById } from './close-session.ts'
import { getDeviceId } from './device-id.ts'
import { getSessionInfo } from './session-info.ts'
import { setSessionPrivilege } from './session-privilege.ts'

function answering(...bytes: number[]): Requester & { asked: Command[] } {
  const asked: Command[] = []
  return {
    asked,
    async request(command) {
      asked.push(command)
      return Uint8Array.from(bytes)
    },
  }
}

function refusing(completionCode: number): Requester {
  return { request: () => Promise.reject(new IpmiError('completion', 'refused', completionCode)) }
}

const reads: [string, number[], (session: Requester) => Promise<unknown>, unknown][] = [
  [
    'chassis status',
    [0x21, 0x00, 0x0c],
    getChassisStatus,
    { power: 'on', powerFault: false, restorePolicy: 'as-before', driveFault: true, coolingFault: true },
  ],
  [
    // ipmi_sim's of the laboratory.
    'device id',
    [0x00, 0x23, 0x09, 0x08, 0x02, 0x9f, 0x91, 0x12, 0x00, 0x02, 0x0f],
    getDeviceId,
    {
      deviceId: 0,
      deviceRevision: 3,
      firmware: '9.08',
      busyUpdating: false,
      ipmiVersion: '2.0',
      manufacturer: 0x1291,
      product: 0x0f02,
    },
  ],
  [
    'boot flags',
    [0x01, 0x05, 0xe0, 0x04],
    boot.getBootFlags,
    { device: 'pxe', persistent: true, efi: true, valid: true },
  ],
  ['boot flag clearing', [0x01, 0x03, 0x08], boot.getBootFlagTimeoutDisabled, true],
]

test.each(reads)('%s is read; a cut answer is a protocol error, never a value', async (_name, bytes, read, value) => {
  expect(await read(answering(...bytes))).toEqual(value)
  for (let length = 0; length < bytes.length; length++)
    await expect(read(answering(...bytes.slice(0, length)))).rejects.toMatchObject({ kind: 'protocol' })
})

test('boot flags of another parameter are not taken', async () => {
  await expect(boot.getBootFlags(answering(1, 4, 0xe0, 0x04))).rejects.toMatchObject({ kind: 'protocol' })
})

test.each([
  ['pxe', false, false, [0x05, 0x80, 0x04, 0, 0, 0]],
  ['disk', true, true, [0x05, 0xe0, 0x08, 0, 0, 0]],
  ['cdrom', false, true, [0x05, 0xa0, 0x14, 0, 0, 0]],
  ['bios', false, true, [0x05, 0xa0, 0x18, 0, 0, 0]],
  [9, false, true, [0x05, 0xa0, 0x24, 0, 0, 0]],
] as const)(
  'boot device %s, persistent %s, efi %s has the bytes that Ironic sends',
  async (device, persistent, efi, bytes) => {
    const session = answering()
    await boot.setBootFlags(session, { device, persistent, efi })
    expect(session.asked).toMatchObject([{ netFn: 0, command: 8, kind: 'idempotent' }])
    expect([...(session.asked[0]?.data ?? [])]).toEqual(bytes)
  },
)

test('only "on" and "off" may be repeated', async () => {
  const session = answering()
  for (const action of ['off', 'on', 'cycle', 'reset', 'diag', 'soft'] as const) await controlChassis(session, action)
  expect(session.asked.map(({ data, kind }) => [data?.[0], kind])).toEqual([
    [0, 'idempotent'],
    [1, 'idempotent'],
    [2, 'once'],
    [3, 'once'],
    [4, 'once'],
    [5, 'once'],
  ])
})

test('closing a session that is not there is no failure; anything else is', async () => {
  expect(await closeSessionById(refusing(0x87), 5)).toBe(false)
  await expect(closeSessionById(refusing(0xcc), 5)).rejects.toMatchObject({ completionCode: 0xcc })
  const session = answering()
  await closeSessionById(session, 0xa1b2c3d4)
  expect([...(session.asked[0]?.data ?? [])]).toEqual([0xd4, 0xc3, 0xb2, 0xa1])
})

test('a privilege that was not granted is a privilege error', async () => {
  await setSessionPrivilege(answering(4), 'administrator')
  await expect(setSessionPrivilege(answering(3), 'administrator')).rejects.toMatchObject({ kind: 'privilege' })
  await expect(setSessionPrivilege(refusing(0x81), 'operator')).rejects.toMatchObject({ kind: 'privilege' })
  await expect(setSessionPrivilege(refusing(0xc1), 'operator')).rejects.toMatchObject({ kind: 'completion' })
})

test('session info with and without a session', async () => {
  expect(await getSessionInfo(answering(0, 4, 2))).toEqual({ handle: 0, possible: 4, active: 2 })
  const session = { userId: 2, privilege: 4, channel: 1 }
  expect(await getSessionInfo(answering(1, 4, 2, 2, 4, 0x11, 127, 0, 0, 1))).toMatchObject({ handle: 1, session })
})

test('channel authentication capabilities tell IPMI 2.0 and Kg', () => {
  // From the golden capture.
  expect(readChannelAuth(Uint8Array.of(0x01, 0x97, 0x04, 0x03, 0, 0, 0, 0))).toEqual({
    channel: 1,
    ipmi20: true,
    kgSet: false,
    namedUsers: true,
    anonymousLogin: false,
  })
  expect(readChannelAuth(Uint8Array.of(0x01, 0x17, 0x24, 0x00)).ipmi20).toBe(false)
})
