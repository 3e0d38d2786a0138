// The client against two BMCs that others wrote: OpenIPMI's ipmi_sim and pyghmi's server. Both know cipher suite 3 only.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually, need, run, startIpmiSim, startPyghmiBmc, type ForeignBmc } from '../../sim/bmc/third-party.ts'
import { over } from './bridge.ts'
import * as boot from './commands/boot-options.ts'
import { controlChassis } from './commands/chassis-control.ts'
import { getChassisStatus } from './commands/chassis-status.ts'
import { closeSessionById } from './commands/close-session.ts'
import { getDeviceId } from './commands/device-id.ts'
import { rawRequestOf, sendRaw } from './commands/raw.ts'
import { getSessionInfo } from './commands/session-info.ts'
import type { SessionOptions } from './options.ts'
import { openPool } from './pool.ts'
import { openSession, type Session } from './session.ts'

async function within<Value>(
  bmc: ForeignBmc,
  use: (session: Session) => Promise<Value>,
  options: Partial<SessionOptions> = {},
): Promise<Value> {
  const credentials = { username: 'admin', password: 'secret', privilege: 'administrator' } as const
  const session = await openSession({ host: '127.0.0.1', port: bmc.port, ...credentials, ...options })
  try {
    return await use(session)
  } finally {
    await session.close()
  }
}

const alive = (bmc: ForeignBmc) => eventually(() => within(bmc, getDeviceId, { timeoutMs: 100, retries: 0 }))
const power = async (session: Session) => (await getChassisStatus(session)).power

describe('ipmi_sim', () => {
  let bmc: ForeignBmc
  beforeAll(async () => {
    bmc = await startIpmiSim()
    await alive(bmc)
  })
  afterAll(() => bmc.stop())

  test.each([3, undefined] as const)('power on and off, suite %s asked for', async (cipherSuite) => {
    await within(
      bmc,
      async (session) => {
        expect(session.cipherSuite).toBe(3)
        for (const state of ['on', 'off'] as const) {
          await controlChassis(session, state)
          expect(await power(session)).toBe(state)
        }
      },
      { cipherSuite },
    )
  })

  test('suite 17, asked for, is refused with its name', async () => {
    const refused = within(bmc, power, { cipherSuite: 17 })
    await expect(refused).rejects.toMatchObject({ kind: 'cipher', message: expect.stringContaining('cipher suite 17') })
  })

  test('device id, session info, boot device', async () => {
    await within(bmc, async (session) => {
      expect(await getDeviceId(session)).toMatchObject({ firmware: '9.08', ipmiVersion: '2.0', product: 0xf02 })
      expect(await getSessionInfo(session)).toMatchObject({ active: 1, session: { userId: 2, privilege: 4 } })
    })
  })

  test('raw bytes have the answer that ipmitool gets', async () => {
    need('/usr/bin/ipmitool')
    const login = ['-I', 'lanplus', '-C', '3', '-H', '127.0.0.1', '-p', String(bmc.port), '-U', 'admin', '-P', 'secret']
    for (const bytes of ['0x06 0x01', '0x06 0x42 0x01', '0x00 0x01']) {
      const { text } = await run('/usr/bin/ipmitool', [...login, 'raw', ...bytes.split(' ')])
      const request = rawRequestOf(Uint8Array.from(bytes.split(' '), Number))
      const answer = await within(bmc, (session) => sendRaw(session, request))
      expect(Buffer.from(answer).toString('hex')).toBe(text.replaceAll(/\s/g, ''))
    }
  })

  test('a controller behind it answers over the bridge, and one that is not there does not', async () => {
    const at = (address: number) => ({ hops: [{ channel: 0, address }] as const })
    await within(bmc, async (session) => {
      expect(await getDeviceId(over(session, at(0x30)))).toMatchObject({ product: 0xf03 })
      expect(await getDeviceId(session)).toMatchObject({ product: 0xf02 })
      await expect(getDeviceId(over(session, at(0x32)))).rejects.toMatchObject({ completionCode: 0x83 })
    })
  })

  test('who may not is told so', async () => {
    const viewer = { username: 'viewer', password: 'view', privilege: 'user' } as const
    const on = (session: Session) => controlChassis(session, 'on')
    await expect(within(bmc, on, viewer)).rejects.toMatchObject({ kind: 'privilege', completionCode: 0xd4 })
    // (ipmi_sim grants any level to any user who asks for it, ipmitool -L OPERATOR included: that refusal is judged elsewhere.)
    await expect(within(bmc, on, { privilege: 'user' })).rejects.toMatchObject({ kind: 'privilege' })
    expect(await within(bmc, power, viewer)).toBe('off')
  })

  test('a wrong password and an unknown user are authentication errors', async () => {
    await expect(within(bmc, power, { password: 'wrong' })).rejects.toMatchObject({ kind: 'authentication' })
    await expect(within(bmc, power, { username: 'nobody' })).rejects.toMatchObject({ kind: 'authentication' })
  })

  test("closes a predecessor's session by its id, which then does nothing any more", async () => {
    const login = {
      host: '127.0.0.1',
      port: bmc.port,
      username: 'admin',
      password: 'secret',
      timeoutMs: 100,
      retries: 0,
    }
    const stale = await openSession({ ...login, privilege: 'operator' })
    expect(await power(stale)).toBe('off')
    await within(
      bmc,
      (session) => expect(closeSessionById(session, stale.id)).rejects.toMatchObject({ kind: 'privilege' }),
      {
        privilege: 'operator',
      },
    )
    await within(bmc, async (successor) => {
      expect(await closeSessionById(successor, stale.id)).toBe(true)
      await expect(controlChassis(stale, 'on')).rejects.toMatchObject({ kind: 'session-lost' })
      expect(await power(successor)).toBe('off')
      expect(await closeSessionById(successor, stale.id)).toBe(false)
    })
  })

  test('the pool reads and switches over shared sockets', async () => {
    const pool = openPool()
    const place = { host: '127.0.0.1', port: bmc.port, username: 'admin', password: 'secret' }
    try {
      expect(await pool.read(place, power)).toBe('off')
      await pool.mutate(place, (session) => controlChassis(session, 'on'))
      expect(await pool.read(place, power)).toBe('on')
      await pool.mutate(place, (session) => controlChassis(session, 'off'), { fresh: true })
      expect(await pool.read(place, power)).toBe('off')
    } finally {
      await pool.close()
    }
  })
})

describe("pyghmi's server", () => {
  let bmc: ForeignBmc
  beforeAll(async () => {
    bmc = await startPyghmiBmc()
    await alive(bmc)
  })
  afterAll(() => bmc.stop())

  test.each([3, undefined] as const)('power and boot flags, suite %s asked for', async (cipherSuite) => {
    await within(
      bmc,
      async (session) => {
        expect(session.cipherSuite).toBe(3)
        for (const state of ['on', 'off'] as const) {
          await controlChassis(session, state)
          expect(await power(session)).toBe(state)
        }
        const flags = { device: 'pxe', persistent: true, efi: true } as const
        await boot.setBootFlagTimeoutDisabled(session, true)
        await boot.setBootFlags(session, flags)
        expect(await boot.getBootFlags(session)).toEqual({ ...flags, valid: true })
      },
      { cipherSuite },
    )
  })

  test('a wrong password is an authentication error, an unknown user silence', async () => {
    await expect(within(bmc, power, { password: 'wrong' })).rejects.toMatchObject({ kind: 'authentication' })
    const unknown = within(bmc, power, { username: 'nobody', timeoutMs: 50, retries: 1 })
    await expect(unknown).rejects.toMatchObject({ kind: 'timeout', message: expect.stringContaining('user name') })
  })

  test('two sessions of one pool do not get into each other’s way', async () => {
    const pool = openPool()
    const place = { host: '127.0.0.1', port: bmc.port, username: 'admin', password: 'secret' }
    try {
      expect(await pool.read(place, power)).toBe('off')
      await pool.mutate(place, (session) => controlChassis(session, 'on'))
      expect(await pool.read(place, power)).toBe('on')
      await pool.mutate(place, (session) => controlChassis(session, 'off'))
      expect(await pool.read(place, power)).toBe('off')
    } finally {
      await pool.close()
    }
  })
})
