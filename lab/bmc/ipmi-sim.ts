// A real third-party BMC: OpenIPMI's ipmi_sim with our relay module for the chassis commands.
// Its sessions, users, privileges, sensors, event log and serial-over-LAN are OpenIPMI's own.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cached, contentHash } from '../cache.ts'
import { run } from '../run.ts'

/** BMC accounts, from most to least allowed. Operators switch power, users only look. */
export const accounts = {
  administrator: { username: 'admin', password: 'rack-admin' },
  operator: { username: 'operator', password: 'rack-operator' },
  user: { username: 'user', password: 'rack-user' },
} as const

export interface IpmiSimOptions {
  readonly name: string
  /** Holds the configuration, the state, `chassis.sock` (already open) and `bmc.log`. */
  readonly directory: string
  readonly address: string
  readonly uuid: string
  readonly consolePort: number
  readonly inBandPort: number
}

const LAN_AUTHENTICATION = ['user', 'operator', 'admin'].map(
  (level) => `    allowed_auths_${level} none md2 md5 straight`,
)

/** The ipmi_lan(5) file. */
export function lanConfiguration(options: IpmiSimOptions, relay: string): string {
  const { administrator, operator, user } = accounts
  return [
    `name "${options.name}"`,
    'set_working_mc 0x20',
    '  startlan 1',
    `    addr ${options.address} 623`,
    '    priv_limit admin',
    ...LAN_AUTHENTICATION,
    `    guid ${options.uuid.replaceAll('-', '')}`,
    '  endlan',
    `  loadlib "${relay}" "${options.directory}"`,
    `  serial 15 127.0.0.1 ${options.inBandPort} codec VM`,
    `  sol "tcp:127.0.0.1:${options.consolePort}" 115200 history=65536`,
    `  user 2 true "${administrator.username}" "${administrator.password}" admin 10 none md2 md5 straight`,
    `  user 3 true "${operator.username}" "${operator.password}" operator 10 none md2 md5 straight`,
    `  user 4 true "${user.username}" "${user.password}" user 10 none md2 md5 straight`,
    '',
  ].join('\n')
}

interface Sensor {
  readonly number: number
  readonly name: string
  /** IPMI 2.0 table 42-3. */
  readonly type: { readonly name: string; readonly code: number }
  readonly unit: string
  /** reading = raw * m * 10^exponent */
  readonly m: number
  readonly exponent: number
  readonly raw: number
}

const TEMPERATURE = { name: 'Temperature', code: 1 }
const sensors: readonly Sensor[] = [
  { number: 1, name: 'Inlet Temp', type: TEMPERATURE, unit: 'degrees_C', m: 1, exponent: 0, raw: 27 },
  { number: 2, name: 'CPU Temp', type: TEMPERATURE, unit: 'degrees_C', m: 1, exponent: 0, raw: 54 },
  { number: 3, name: 'Rail 12V', type: { name: 'Voltage', code: 2 }, unit: 'Volts', m: 6, exponent: -2, raw: 201 },
  { number: 4, name: 'Fan 1', type: { name: 'Fan', code: 4 }, unit: 'RPM', m: 50, exponent: 0, raw: 120 },
]

/** Source for sdrcomp(8). */
export function sensorRecords(): string {
  const management = ['chassis', 'fru_inventory', 'sel', 'sdr', 'sensor'].map((ability) => `\t${ability} true`)
  const controller = [
    'sdr type 18',
    '\tdevice_slave_address 0x20',
    '\tdevice_channel_number 0',
    ...management,
    '\tentity_id system_board',
    '\tentity_instance 1',
    '\tid_string "Ferrule BMC"',
    'endsdr',
  ]
  const records = sensors.flatMap((sensor) => [
    'sdr type 1',
    '\tsensor_owner_id 0x20',
    '\tsensor_owner_lun 0',
    '\tchannel_number 0',
    `\tsensor_number ${sensor.number}`,
    '\tentity_id system_board',
    '\tentity_instance 1',
    `\tsensor_type ${sensor.type.name}`,
    '\tinit_scanning true',
    '\tinit_sensor_type true',
    '\tdefault_sensor_scan_on true',
    '\tevent_reading_type_code 1',
    '\tanalog_data_format unsigned',
    '\trate_unit none',
    '\tmodifier_unit none',
    '\tpercentage false',
    `\tbase_unit ${sensor.unit}`,
    '\tlinearization linear',
    `\tm ${sensor.m}`,
    '\tb 0',
    `\tr_exp ${sensor.exponent}`,
    '\tb_exp 0',
    '\tsensor_direction input',
    '\tsensor_maximum 255',
    '\tsensor_minimum 0',
    `\tid_string "${sensor.name}"`,
    'endsdr',
  ])
  return `${[...controller, ...records].join('\n')}\n`
}

/** The ipmi_sim_cmd(5) file: one management controller with an event log and the sensors. */
export function emulatorCommands(): string {
  return [
    'mc_setbmc 0x20',
    'mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr',
    'sel_enable 0x20 200 0x0a',
    ...sensors.flatMap(({ number, type, raw }) => [
      `sensor_add 0x20 0 ${number} ${type.code} 1`,
      `sensor_set_value 0x20 0 ${number} ${raw} 0`,
    ]),
    'mc_enable 0x20',
    '',
  ].join('\n')
}

/** The compiled relay module; built at first use (gcc, libopenipmi-dev). */
export async function relayModule(): Promise<string> {
  const source = fileURLToPath(new URL('chassis-relay.c', import.meta.url))
  const flags = ['-shared', '-fPIC', '-O2', '-Wall', '-Wextra', '-Werror']
  const entry = await cached(`chassis-relay-${contentHash([readFileSync(source), ...flags])}`, async (directory) => {
    await run('gcc', [...flags, '-o', join(directory, 'chassis-relay.so'), source])
  })
  return join(entry, 'chassis-relay.so')
}

/** Writes the configuration and starts the BMC; it may take a moment until it answers. */
export async function startIpmiSim(options: IpmiSimOptions): Promise<ChildProcess> {
  const { directory, name } = options
  const state = join(directory, 'state')
  const records = join(state, 'ipmi_sim', name)
  mkdirSync(records, { recursive: true })
  writeFileSync(join(directory, 'lan.conf'), lanConfiguration(options, await relayModule()))
  writeFileSync(join(directory, 'bmc.emu'), emulatorCommands())
  writeFileSync(join(directory, 'sensors.sdr'), sensorRecords())
  await run('sdrcomp', ['-o', join(records, 'sdr.20.main'), join(directory, 'sensors.sdr')])
  const output = openSync(join(directory, 'ipmi_sim.log'), 'a')
  const files = ['-c', join(directory, 'lan.conf'), '-f', join(directory, 'bmc.emu'), '-s', state]
  const child = spawn('ipmi_sim', [...files, '-n'], { stdio: ['ignore', output, output] })
  closeSync(output)
  return child
}
