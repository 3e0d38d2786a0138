// One machine of the rack as a story sees it: its node through the API, and third-party evidence of what really happened: the serial console,
// the BMC's log, the power log and the disk. Every wait is bounded, and one that fails says what happened instead.
import assert from 'node:assert/strict'
import { existsSync, openSync, readFileSync, readSync, closeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RackMachine } from '../../lab/rack.ts'
import type { Api, ApiNode, TimelineEntry } from '../../sim/api.ts'
import type { PublishedImage } from '../../sim/image-server.ts'

/** A machine starts in seconds alone, and in minutes beside others on a few processors. */
const PATIENCE_MS = 420_000
const POLL_MS = 200
/** An agent that waits as long for an image that a story holds; by itself it asks again after a minute, and gets the rest. */
export const PATIENT = { driver_info: { kernel_append_params: `%default% ferrule.image-stall=${PATIENCE_MS / 1000}` } }
const LAST_LINES = 30
const WIPED_BYTES = 2 ** 20

/** Chassis Control (02) and Set System Boot Options (08) of IPMI, as the BMC logs them. */
const POWER_UP = '02 01'
/** Valid, persistent, BIOS (C0); force boot from the hard disk (08). IPMI 2.0 table 28-14, parameter 5. */
const DISK_FOR_EVER = /^08 05c008/
/** The same, once, from the network. */
const NETWORK_ONCE = /^08 058004/

export class MachineStory {
  readonly machine: RackMachine
  readonly api: Api
  /** UUID of the node. */
  node = ''
  readonly lines: string[] = []
  readonly #told: (line: string) => void

  constructor(machine: RackMachine, api: Api, told: (line: string) => void) {
    this.machine = machine
    this.api = api
    this.#told = told
    machine.console.follow((line) => this.lines.push(line))
  }

  driverInfo(): Record<string, unknown> {
    const { address, username, password } = this.machine.bmc
    return { ipmi_address: address, ipmi_username: username, ipmi_password: password }
  }

  /** A node and a port for it. */
  async enroll(
    more: { driver_info?: Record<string, unknown>; interfaces?: Record<string, string> } = {},
  ): Promise<void> {
    const { name, mac, machine } = this.machine
    const { uuid } = (await this.api.call('POST', '/nodes', {
      name,
      driver: 'ipmi',
      driver_info: { ...this.driverInfo(), ...more.driver_info },
      properties: { capabilities: `boot_mode:${machine.spec.firmware}` },
      automated_clean: false,
      ...more.interfaces,
    })) as { uuid: string }
    this.node = uuid
    await this.api.call('POST', '/ports', { node_uuid: uuid, address: mac })
  }

  /** From `enroll` to `available`. */
  async prepare(more: Parameters<MachineStory['enroll']>[0] = {}): Promise<void> {
    if (this.node === '') await this.enroll(more)
    await this.api.provision(this.node, 'manage')
    await this.reach('manageable')
    await this.api.provision(this.node, 'provide')
    await this.reach('available')
  }

  async deploy({ url, sha256 }: PublishedImage): Promise<void> {
    const how = { image_os_hash_algo: 'sha256', image_os_hash_value: sha256, image_disk_format: 'raw' }
    await this.api.patchNode(this.node, { instance_info: { image_source: url, ...how } })
    await this.api.provision(this.node, 'active')
  }

  /** Deploys, and the system that was asked for is up: what every story ends with. */
  async deployWell(image: PublishedImage): Promise<void> {
    const systems = this.count(/FERRULE-OS-UP/)
    await this.deploy(image)
    const { last_error: error } = await this.reach('active')
    assert.equal(error, null)
    await this.until('deployed system', () => this.count(/FERRULE-OS-UP/) > systems)
  }

  /** Waits until the node rests in `state`; resting elsewhere with an error ends the wait. */
  reach(state: string): Promise<ApiNode> {
    return this.#rest(state, false)
  }

  /** Waits until the node rests in `state` with an error and whatever followed it has ended; answers the error. */
  async fail(state: string): Promise<string> {
    return (await this.#rest(state, true)).last_error ?? ''
  }

  async #rest(state: string, withError: boolean): Promise<ApiNode> {
    return await this.until(withError ? `fault in state ${state}` : `state ${state}`, async () => {
      const node = await this.api.node(this.node)
      if (node.reservation !== null) return undefined
      if (node.provision_state === state && (node.last_error !== null) === withError) return node
      if (!withError && node.last_error !== null)
        throw new Error(`${node.provision_state} instead of ${state}: ${node.last_error}`)
      return undefined
    })
  }

  /** Waits until the timeline shows bytes of the image on their way to the disk. */
  async inMidWrite(since = 0): Promise<TimelineEntry> {
    return await this.until('progress of the write', async () =>
      (await this.notes('write_image')).find(
        ({ at, bytes, body }) => Date.parse(at) >= since && Number(bytes ?? body['bytes']) > 0,
      ),
    )
  }

  async notes(type: string): Promise<TimelineEntry[]> {
    return (await this.api.timeline(this.node)).filter((entry) => entry.type === type)
  }

  count(pattern: RegExp): number {
    return this.lines.filter((line) => pattern.test(line)).length
  }

  /** What changed something at the BMC: "<command> <data>" in hex. */
  bmcCommands(): string[] {
    if (!existsSync(this.machine.bmcLog)) return [] // nothing has changed anything yet
    return readFileSync(this.machine.bmcLog, 'utf8')
      .split('\n')
      .flatMap((line) => /^\S+ (\S+ \S+) -> 00$/.exec(line)?.[1] ?? [])
  }

  get powerOns(): number {
    return this.machine.powerLog.filter(({ event }) => event === 'on').length
  }

  /** After a deployment that failed with its machine on: off, and then set to its disk for good. */
  async isUndone(): Promise<void> {
    const [{ last_error: error }, commands] = [await this.api.node(this.node), this.bmcCommands()]
    assert.equal(this.machine.machine.isOn, false, `${this.machine.name} is on; ${error}`)
    assert.match(commands.findLast((command) => command.startsWith('08 05')) ?? '', DISK_FOR_EVER)
    const lastPowerUp = commands.lastIndexOf(POWER_UP)
    assert.ok(lastPowerUp >= 0, `the BMC of ${this.machine.name} knows of no power-on`)
    assert.ok(lastPowerUp < commands.findLastIndex((command) => DISK_FOR_EVER.test(command)))
    assert.doesNotMatch(error ?? '', /could not be switched off/)
  }

  /** A disk that was written by halves boots nothing: its first MiB is blank. */
  isBlank(): void {
    assert.ok(this.holds(Buffer.alloc(WIPED_BYTES), 0), 'the start of the disk is not blank')
  }

  /** Has the disk these bytes there? As the host sees it: what the machine has given out of its hands. */
  holds(bytes: Buffer, at: number): boolean {
    const file = openSync(this.machine.disks[0]!, 'r')
    const found = Buffer.alloc(bytes.length)
    const read = readSync(file, found, 0, found.length, at)
    closeSync(file)
    return read === bytes.length && found.equals(bytes)
  }

  /** Resolves in the moment after the BMC is told to boot from the network, from the call on. */
  async told(): Promise<void> {
    const seen = this.bmcCommands().length
    await this.until(
      'network boot request',
      () =>
        this.bmcCommands()
          .slice(seen)
          .some((each) => NETWORK_ONCE.test(each)),
      2,
    )
  }

  async until<T>(
    what: string,
    check: () => Promise<T | undefined | false> | T | undefined | false,
    pollMs = POLL_MS,
  ): Promise<T> {
    for (const end = Date.now() + PATIENCE_MS; ;) {
      const found = await check()
      if (found !== undefined && found !== false) {
        this.#told(`${this.machine.name}: ${what}`)
        return found
      }
      if (Date.now() > end) throw new Error(`${this.machine.name}: no ${what} in ${PATIENCE_MS / 1000} s`)
      await sleep(pollMs)
    }
  }

  /** What happened, for a story that failed. */
  async account(): Promise<string> {
    const node = this.node === '' ? undefined : await this.api.node(this.node).catch(() => undefined)
    const timeline = this.node === '' ? [] : await this.api.timeline(this.node).catch(() => [])
    return [
      `${this.machine.name}: ${node?.provision_state}, reservation ${node?.reservation}, last_error ${node?.last_error}`,
      '--- timeline',
      ...timeline
        .slice(-40)
        .map(
          ({ at, type, step, body }) =>
            `${at.slice(11, 23)} ${type} ${step ?? ''} ${JSON.stringify(body).slice(0, 300)}`,
        ),
      '--- power',
      ...this.machine.powerLog.map((event) => JSON.stringify(event)),
      '--- BMC',
      ...this.bmcCommands().slice(-20),
      '--- console',
      ...this.lines.slice(-LAST_LINES),
    ].join('\n')
  }
}
