// The console against OpenIPMI's ipmi_sim, whose serial line is a TCP connection; and ipmitool against the simulated BMC's.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually, type ForeignBmc, startIpmiSim } from '../../sim/bmc/third-party.ts'
import { activateSol, deactivateSol } from './commands/payload.ts'
import { ConsoleLine } from './console-line.ts'
import { nodeEnv } from './env.ts'
import { openSession } from './session.ts'

let bmc: ForeignBmc
let machine: Server
const lines: Socket[] = []

beforeAll(async () => {
  machine = createServer((socket) => void lines.push(socket))
  machine.listen(0, '127.0.0.1')
  await once(machine, 'listening')
  bmc = await startIpmiSim({ serialPort: (machine.address() as AddressInfo).port })
})
afterAll(async () => {
  await bmc.stop()
  for (const socket of lines) socket.destroy()
  machine.close()
})

const login = () =>
  openSession({
    host: '127.0.0.1',
    port: bmc.port,
    username: 'admin',
    password: 'secret',
    privilege: 'administrator',
    timeoutMs: 200,
    retries: 1,
  })

test('characters go both ways through ipmi_sim, and its console can be had again', async () => {
  await eventually(async () => expect(lines).not.toEqual([]))
  for (const word of ['first', 'second']) {
    const session = await eventually(login)
    let said = ''
    const most = await activateSol(session)
    expect(most).toBeGreaterThan(10)
    const before = () => {}
    const onData = (data: Uint8Array) => void (said += Buffer.from(data).toString())
    const line = new ConsoleLine({ env: nodeEnv(), carrier: session, most, before, onData, onEnd: () => {} })
    const typed = Array.from({ length: 40 }, (_, i) => `${word} ${i}\n`).join('')
    let arrived = ''
    const serial = lines.at(-1)!
    serial.on('data', (data) => void (arrived += data.toString()))
    serial.write(`${word} login: ${'x'.repeat(500)}.`)
    await line.write(Buffer.from(typed))
    await eventually(async () => expect(said).toBe(`${word} login: ${'x'.repeat(500)}.`))
    await eventually(async () => expect(arrived).toBe(typed))
    line.close()
    await deactivateSol(session)
    await session.close()
    serial.removeAllListeners('data')
  }
})
