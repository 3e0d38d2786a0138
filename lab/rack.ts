// The virtual rack: machines with real firmware, a real third-party BMC each, and the network between them.
// Everything lives in the namespaces and the temp directory of inRack(); see namespaces.ts for what survives (nothing).
import { createSocket } from 'node:dgram'
import { copyFileSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { accounts, startIpmiSim } from './bmc/ipmi-sim.ts'
import { startPyghmi } from './bmc/pyghmi.ts'
import { followConsole } from './console.ts'
import type { Console } from './console.ts'
import { requirePackages } from './debian-packages.ts'
import { endProcess } from './end-process.ts'
import { buildTinyImage } from './images/tiny.ts'
import { Machine } from './machine.ts'
import type { PowerEvent } from './machine.ts'
import { inRack, rackDirectory } from './namespaces.ts'
import { addresses, buildNetwork, tapName } from './network.ts'
import type { MachinePlaces, MachineSpec } from './qemu.ts'
import { answerRouterSolicitations } from './router-advertisement.ts'
import type { RouterAdvertisement } from './router-advertisement.ts'
import { requestedMachines, upUsage } from './up-options.ts'

const OVMF_CODE = '/usr/share/OVMF/OVMF_CODE_4M.fd'
const OVMF_VARIABLES = '/usr/share/OVMF/OVMF_VARS_4M.fd'
const FIRST_CONSOLE_PORT = 18_100
const FIRST_IN_BAND_PORT = 18_600
const BMC_UP_WITHIN_MS = 15_000
const GIB = 2 ** 30

export interface RackOptions {
  readonly machines: readonly MachineSpec[]
  /** One line for each change of power. Default: silent. */
  readonly log?: (line: string) => void
  /** Tell machines at once that there is no IPv6 router, see router-advertisement.ts. Default true. */
  readonly routerAdvertisement?: boolean
}

export interface RackMachine {
  readonly name: string
  readonly mac: string
  readonly uuid: string
  readonly serial: string
  /** Administrator account; `accounts` in bmc/ipmi-sim.ts has the operator and the user. */
  readonly bmc: {
    readonly address: string
    readonly port: number
    readonly username: string
    readonly password: string
    /** Makes it deaf and dumb (its process is stopped), or ends that. */
    silence(silent: boolean): void
  }
  readonly console: Console
  /** Raw, sparse files in the order of the specification. */
  readonly disks: readonly string[]
  /** Every change of power, oldest first: the judge. */
  readonly powerLog: readonly PowerEvent[]
  /** Starts and resets so far. */
  readonly starts: number
  /** The BMC's own log of commands that change something: "<seconds> <command> <data> -> <answer>" in hex. */
  readonly bmcLog: string
  /** The machine itself, for what no BMC offers: qmp(), link(), a power cut. */
  readonly machine: Machine
}

export class Rack {
  readonly machines: readonly RackMachine[]
  readonly conductorAddress = addresses.conductor
  readonly cloudAddress = addresses.cloud
  readonly provisioning = addresses.provisioning
  readonly outOfBand = addresses.outOfBand
  readonly directory: string
  /** How many router solicitations were answered, null when nobody answers. */
  readonly router: RouterAdvertisement | null
  readonly #processes: readonly ChildProcess[]

  constructor(
    machines: readonly RackMachine[],
    directory: string,
    processes: readonly ChildProcess[],
    router: RouterAdvertisement | null,
  ) {
    this.router = router
    this.machines = machines
    this.directory = directory
    this.#processes = processes
  }

  /** Builds network, machines (off) and BMCs; resolves when every BMC answers. One rack for each inRack(). */
  static async up({ machines: specs, log = () => {}, routerAdvertisement = true }: RackOptions): Promise<Rack> {
    requirePackages()
    const directory = rackDirectory()
    await buildNetwork(specs.length)
    const router = routerAdvertisement ? await answerRouterSolicitations(addresses.provisioning.interface) : null
    const built = await Promise.all(specs.map((spec, index) => buildMachine(spec, index, directory, log)))
    const processes = built.flatMap(({ bmc }) => (bmc === null ? [] : [bmc]))
    await Promise.all(built.map(({ described, bmc }) => (bmc === null ? null : bmcAnswers(described, bmc))))
    return new Rack(
      built.map(({ described }) => described),
      directory,
      processes,
      router,
    )
  }

  /** Cuts all power and ends the BMCs. The network goes with the namespaces. */
  async down(): Promise<void> {
    await Promise.all(this.machines.map(({ machine }) => machine.close()))
    await Promise.all(this.#processes.map((child) => endProcess(child)))
    this.router?.stop()
  }
}

async function buildMachine(spec: MachineSpec, index: number, root: string, log: (line: string) => void) {
  if (!/^[a-z0-9-]{1,32}$/.test(spec.name)) throw new Error(`machine name "${spec.name}" must be of a-z, 0-9 and -`)
  const directory = join(root, spec.name)
  mkdirSync(directory)
  const places = placesOf(spec, index, directory)
  places.disks.forEach((path, unit) => {
    writeFileSync(path, '')
    truncateSync(path, (spec.disks?.[unit]?.sizeGiB ?? 0) * GIB)
  })
  if (spec.firmware === 'uefi') copyFileSync(OVMF_VARIABLES, places.ovmf.variables)
  const machine = new Machine(spec, places, directory, log)
  await machine.listen()
  const address = addresses.bmc(index)
  const bmc = await startBmc(spec, places, directory, address)
  const { mac, uuid, serial, disks } = places
  const described: RackMachine = {
    name: spec.name,
    mac,
    uuid,
    serial,
    disks,
    machine,
    bmc: {
      address,
      port: 623,
      ...accounts.administrator,
      silence: (silent) => void bmc?.kill(silent ? 'SIGSTOP' : 'SIGCONT'),
    },
    console: followConsole(places.consoleLog),
    powerLog: machine.powerLog,
    bmcLog: join(directory, 'bmc.log'),
    get starts() {
      return machine.starts
    },
  }
  return { described, bmc }
}

function placesOf(spec: MachineSpec, index: number, directory: string): MachinePlaces {
  const unit = (index + 1).toString(16).padStart(2, '0')
  const inBand = (spec.bmc ?? 'ipmi_sim') === 'ipmi_sim'
  return {
    uuid: `77000000-0000-4000-8000-5254007700${unit}`,
    serial: `RACK${String(index + 1).padStart(4, '0')}`,
    mac: `52:54:00:77:00:${unit}`,
    tap: tapName(index),
    disks: (spec.disks ?? []).map((_, disk) => join(directory, `disk${disk}.raw`)),
    consoleLog: join(directory, 'console.log'),
    consolePort: FIRST_CONSOLE_PORT + index,
    inBandPort: inBand ? FIRST_IN_BAND_PORT + index : null,
    ovmf: { code: OVMF_CODE, variables: join(directory, 'ovmf-variables.fd') },
  }
}

async function startBmc(spec: MachineSpec, places: MachinePlaces, directory: string, address: string) {
  if (spec.bmc === 'none') return null
  if (spec.bmc === 'pyghmi') return startPyghmi({ directory, address })
  const { uuid, consolePort, inBandPort } = places
  return startIpmiSim({ name: spec.name, directory, address, uuid, consolePort, inBandPort: inBandPort ?? 0 })
}

// Get Channel Authentication Capabilities outside a session (IPMI 2.0 §13.6, §22.13): every BMC answers it to anybody.
const ARE_YOU_THERE = Buffer.from('0600ff07000000000000000000092018c88100388e04b5', 'hex')

async function bmcAnswers({ name, bmc }: RackMachine, child: ChildProcess): Promise<void> {
  const socket = createSocket('udp4')
  const answer = once(socket, 'message').then(() => true)
  const giveUpAtMs = Date.now() + BMC_UP_WITHIN_MS
  try {
    do {
      if (child.exitCode !== null) throw new Error(`the BMC of ${name} ended with ${child.exitCode}; see its log`)
      if (Date.now() > giveUpAtMs) throw new Error(`the BMC of ${name} does not answer at ${bmc.address}`)
      socket.send(ARE_YOU_THERE, bmc.port, bmc.address)
    } while (!(await Promise.race([answer, sleep(50, false)])))
  } finally {
    socket.close()
  }
}

// node lab/rack.ts up …
async function command([verb, ...options]: readonly string[]): Promise<void> {
  if (verb !== 'up') throw new Error(upUsage)
  const { tiny } = requestedMachines(options)
  if (tiny) await buildTinyImage()
  const run = inRack(new URL('up.ts', import.meta.url), options, {
    onMessage: () => {
      const enter = `nsenter --target ${run.pid} --user --net --mount --preserve-credentials`
      console.log(`inside: ${enter} bash\nCtrl-C takes everything down`)
    },
    onExit: (code) => (process.exitCode = code ?? 1),
  })
}

if (import.meta.main) {
  command(process.argv.slice(2)).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 2
  })
}
