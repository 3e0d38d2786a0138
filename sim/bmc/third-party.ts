// Runs the Debian programs that judge our IPMI code, and the two foreign BMCs: OpenIPMI's ipmi_sim and pyghmi's server.
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sensorRecord, type SimSensor } from './sdr.ts'

/** Where a program lives and what brings it. */
const packages = {
  '/usr/bin/ipmitool': 'ipmitool',
  '/usr/sbin/ipmipower': 'freeipmi-tools',
  '/usr/sbin/ipmi-chassis': 'freeipmi-tools',
  '/usr/sbin/bmc-info': 'freeipmi-tools',
  '/usr/bin/ipmi_sim': 'openipmi',
  '/usr/bin/python3': 'python3',
  '/usr/lib/python3/dist-packages/pyghmi/__init__.py': 'python3-pyghmi',
} as const

/** Throws, with the command that helps, when a program is missing. */
export function need(...paths: (keyof typeof packages)[]): void {
  const missing = paths.filter((path) => !existsSync(path)).map((path) => packages[path])
  if (missing.length > 0) throw new Error(`missing programs: apt-get install ${[...new Set(missing)].join(' ')}`)
}

export interface Outcome {
  code: number
  /** Standard output and error, in this order. */
  text: string
}

/** Runs a program to its end, at most 30 s. */
export function run(program: string, args: string[], env: { [name: string]: string } = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const options = { timeout: 30_000, env: { ...process.env, ...env } }
    execFile(program, args, options, (error, stdout, stderr) => {
      const code = error ? (typeof error.code === 'number' ? error.code : 1) : 0
      resolve({ code, text: stdout + stderr })
    })
  })
}

export interface ForeignBmc {
  port: number
  stop(): Promise<void>
}

/**
 * OpenIPMI's BMC simulator: cipher suites up to 14, so 3 but not 17. Users admin/secret, operator/operate, viewer/view. `serialPort`: of a TCP server
 * that is the machine's serial line.
 */
export async function startIpmiSim({
  serialPort,
  sensors = [],
}: { serialPort?: number; sensors?: readonly SimSensor[] } = {}): Promise<ForeignBmc> {
  need('/usr/bin/ipmi_sim')
  const folder = await mkdtemp(join(tmpdir(), 'ipmi-sim-'))
  const port = await freePort()
  const file = (name: string, text: string, mode = 0o644) => writeFile(join(folder, name), text, { mode })
  const levels = ['callback', 'user', 'operator', 'admin'].map(
    (level) => `allowed_auths_${level} none md2 md5 straight`,
  )
  const users = [
    [2, 'admin', 'secret', 'admin'],
    [3, 'operator', 'operate', 'operator'],
    [4, 'viewer', 'view', 'user'],
  ].map(([id, name, password, limit]) => `user ${id} true "${name}" "${password}" ${limit} 10 none md2 md5 straight`)
  // Without a GUID ipmi_sim does not offer RMCP+.
  const guid = 'guid 00112233445566778899aabbccddeeff'
  const lan = ['startlan 1', `addr 127.0.0.1 ${port}`, 'priv_limit admin', ...levels, guid, 'endlan']
  const serial = serialPort === undefined ? [] : [`sol "tcp:127.0.0.1:${serialPort}" 115200`]
  const control = `chassis_control "${join(folder, 'chassis')}"`
  await file('lan.conf', ['name "interop"', 'set_working_mc 0x20', ...lan, ...serial, control, ...users, ''].join('\n'))
  const device = 'mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02'
  // Another controller on its bus, another product.
  const behind = 'mc_add 0x30 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf03'
  const measured = sensors.flatMap((sensor, i) => [
    `main_sdr_add 0x20 ${[...sensorRecord(i + 1, sensor)].join(' ')}`,
    `sensor_add 0x20 0 ${sensor.number} ${sensor.type} 1`,
    `sensor_set_value 0x20 0 ${sensor.number} ${sensor.raw ?? 0} 0`,
  ])
  const controllers = ['mc_setbmc 0x20', device, ...measured, 'mc_enable 0x20', behind, 'mc_enable 0x30', '']
  await file('bmc.emu', controllers.join('\n'))
  await file('power', '0')
  await file('chassis', powerScript(join(folder, 'power')), 0o755)
  const args = ['-c', join(folder, 'lan.conf'), '-f', join(folder, 'bmc.emu'), '-s', folder, '-n']
  const child = spawn('/usr/bin/ipmi_sim', args, { stdio: 'ignore' })
  return {
    port,
    async stop() {
      await ended(child)
      await rm(folder, { recursive: true })
    },
  }
}

/** What ipmi_sim calls to read and switch the power: `chassis get power` or `chassis set power 1`. */
function powerScript(state: string): string {
  return `#!/bin/sh
[ "$1" = get ] && echo "$2:$(cat '${state}')"
[ "$1 $2" = "set power" ] && printf %s "$3" > '${state}'
exit 0
`
}

/** pyghmi's BMC: answers with cipher suite 3 whatever is asked. User admin/secret. */
export async function startPyghmiBmc(): Promise<ForeignBmc> {
  need('/usr/bin/python3', '/usr/lib/python3/dist-packages/pyghmi/__init__.py')
  const port = await freePort()
  const script = fileURLToPath(new URL('testdata/pyghmi-bmc.py', import.meta.url))
  const child = spawn('/usr/bin/python3', [script, String(port)], { stdio: ['ignore', 'ignore', 'inherit'] })
  return { port, stop: () => ended(child) }
}

/** Repeats `attempt` until it succeeds: programs need a moment until they listen. */
export async function eventually<Value>(attempt: () => Promise<Value>): Promise<Value> {
  for (let left = 100; ; left--)
    try {
      return await attempt()
    } catch (error) {
      if (left === 0) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  const { port } = socket.address()
  await new Promise<void>((resolve) => socket.close(() => resolve()))
  return port
}
