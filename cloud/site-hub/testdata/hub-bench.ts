// A hub over a real libSQL file with a clock that a test moves, and conductors whose every frame a test writes.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Env } from '../../../shared/env.ts'
import { toFault } from '../../../shared/faults.ts'
import type { DriverFacts, FromConductor, Grant, Step, ToConductor } from '../../../shared/protocol.ts'
import { newSiteKey } from '../../../shared/sealing.ts'
import type { FileDatabase } from '../../hosts/node/database.ts'
import { newDatabase } from '../../hosts/node/test-data.ts'
import type { Peer, Sql } from '../../ports.ts'
import { conductors, sites } from '../../schema/organisation.ts'
import { insert, isoTime } from '../../schema/rows.ts'
import type { CommandResult, HubCommand } from '../commands.ts'
import { SiteHub } from '../hub.ts'

export const SITE = { organisation: 'org', site: 'site' }
export const caller = { actor: 'tester', requestId: 'req-1' }

export const fakeDriver: DriverFacts = {
  name: 'fake-hardware',
  about: 'for tests',
  interfaces: { power: ['fake'], management: ['fake'], boot: ['fake'], deploy: ['fake'] },
  properties: { secret_field: 'a secret' },
  secrets: ['secret_field'],
}

type Sent<T> = Extract<ToConductor, { type: T }>

/** A conductor's end of a socket. */
export class TestPeer implements Peer {
  readonly conductor: string
  attachment: unknown = undefined
  readonly frames: ToConductor[] = []
  closed: { code: number; reason: string } | null = null
  /** Is told each frame as it comes. */
  heard: (frame: ToConductor) => void = () => undefined
  constructor(conductor: string) {
    this.conductor = conductor
  }
  send(frame: string): void {
    const message = JSON.parse(frame) as ToConductor
    this.frames.push(message)
    this.heard(message)
  }
  close(code: number, reason: string): void {
    this.closed ??= { code, reason }
  }
  of<T extends ToConductor['type']>(type: T): Sent<T>[] {
    return this.frames.filter((frame) => frame.type === type) as Sent<T>[]
  }
  last<T extends ToConductor['type']>(type: T): Sent<T> {
    const frame = this.of(type).at(-1)
    if (!frame) throw new Error(`no ${type} frame; got ${this.frames.map((f) => f.type).join(', ')}`)
    return frame
  }
  /** The newest grant of a node, if it was not dropped since. */
  grant(node: string): Grant | undefined {
    let found: Grant | undefined
    for (const { add, drop } of this.of('grants')) {
      if (drop.includes(node)) found = undefined
      found = add.find((grant) => grant.node === node) ?? found
    }
    return found
  }
}

export class HubBench {
  readonly sql: FileDatabase
  readonly siteKey: { publicKey: string; privateKey: string }
  now = 1_795_000_000_000
  alarmAt: number | null = null
  /** What the hub has put there, as text. */
  readonly blobs = new Map<string, string>()
  put = async (key: string, value: Uint8Array): Promise<void> => void this.blobs.set(key, new TextDecoder().decode(value))
  readonly peers = new Set<Peer>()
  hub: SiteHub
  readonly #folder: string
  readonly #timers = new Map<number, () => void>()
  /** Of what a hub remembered of rows, whatever was stored otherwise. */
  readonly #stale: string[] = []
  #timer = 0
  #signed = 0
  /** The monotonic clock goes on when a test sets the other. */
  monoOffset = 0

  private constructor(folder: string, sql: FileDatabase, siteKey: { publicKey: string; privateKey: string }) {
    this.#folder = folder
    this.sql = sql
    this.siteKey = siteKey
    this.hub = this.anotherHub()
  }

  static async make(): Promise<HubBench> {
    const folder = mkdtempSync(join(tmpdir(), 'ferrule-hub-'))
    const sql = await newDatabase(join(folder, 'organisation.db'))
    const siteKey = await newSiteKey()
    const created_at = isoTime(0)
    const pool = { cidr: '10.77.0.0/24', first: '10.77.0.50', last: '10.77.0.59', router: '10.77.0.1' }
    const base = { site: SITE.site, identity_key: 'k', box_key: 'b', created_at }
    await sql.batch([
      insert(sites, { id: SITE.site, name: 'default', public_key: siteKey.publicKey, pool, created_at }),
      insert(conductors, { ...base, id: 'a', hostname: 'conductor-a' }),
      insert(conductors, { ...base, id: 'b', hostname: 'conductor-b' }),
    ])
    return new HubBench(folder, sql, siteKey)
  }

  /** A second hub over the same database, as when a platform wakes one by mistake. */
  anotherHub(sql: Sql = this.sql): SiteHub {
    const env: Env = {
      now: () => this.now,
      mono: () => this.now + this.monoOffset,
      setTimer: (_delay, run) => {
        const id = ++this.#timer
        this.#timers.set(id, run)
        return () => this.#timers.delete(id)
      },
      random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    }
    return new SiteHub({
      site: SITE,
      sql,
      env,
      alarm: { set: async (at) => void (this.alarmAt = at) },
      blobs: {
        put: (key, value) => this.put(key, value),
        delete: async (key) => void this.blobs.delete(key),
      },
      peers: () => [...this.peers],
      changed: () => undefined,
      looked: (state) => void state.rows.stale(this.sql).then((stale) => this.#stale.push(...stale), () => undefined),
      log: () => undefined,
    })
  }

  /** How many are set. */
  get timers(): number {
    return this.#timers.size
  }

  fireTimers(): void {
    for (const run of [...this.#timers.values()]) run()
    this.#timers.clear()
  }

  /** Moves the clock to the alarm if it is due within `ms`, rings it, and so on until `ms` have passed. */
  async pass(ms: number): Promise<void> {
    const end = this.now + ms
    for (let rings = 0; this.alarmAt !== null && this.alarmAt <= end && rings < 100; rings++) {
      this.now = Math.max(this.now, this.alarmAt)
      await this.hub.onAlarm()
    }
    this.now = end
  }

  /** A socket that has said nothing yet. */
  async open(conductor: string, incarnation = `run-${conductor}`, at = ++this.#signed): Promise<TestPeer> {
    const peer = new TestPeer(conductor)
    this.peers.add(peer)
    await this.hub.onOpen(peer, { conductor, incarnation, at: this.now + at })
    return peer
  }

  async connect(conductor: string, drivers: DriverFacts[] = [fakeDriver], grantsDigest: string | null = null, incarnation = `run-${conductor}`, lock?: string): Promise<TestPeer> {
    const peer = await this.open(conductor, incarnation)
    await this.say(peer, this.helloOf(conductor, grantsDigest, incarnation, drivers, lock))
    return peer
  }

  helloOf(conductor: string, grantsDigest: string | null, incarnation = `run-${conductor}`, drivers: DriverFacts[] = [fakeDriver], lock?: string): FromConductor {
    return { type: 'hello', incarnation, version: '0', hostname: `conductor-${conductor}`, drivers, capabilities: [], grantsDigest, inflight: [], ...(lock !== undefined && { lock }) }
  }

  async disconnect(peer: TestPeer): Promise<void> {
    this.peers.delete(peer)
    await this.hub.onClose(peer)
  }

  async say(peer: TestPeer, message: FromConductor): Promise<void> {
    await this.hub.onMessage(peer, JSON.stringify(message))
  }

  /** From now on the conductor answers its calls with what `answer` resolves to; a fault that it throws is the answer, too. */
  answerCalls(peer: TestPeer, answer: (call: Sent<'call'>) => unknown): void {
    peer.heard = async (frame) => {
      if (frame.type !== 'call') return
      const { rid } = frame
      const outcome = await (async () => answer(frame))().then(
        (result) => ({ result: result ?? null }),
        (error: unknown) => ({ fault: toFault(error) }),
      )
      await this.say(peer, { type: 'answer', rid, ...outcome })
    }
  }

  async command<K extends HubCommand['kind']>(kind: K, more: Omit<Extract<HubCommand, { kind: K }>, 'kind' | 'actor' | 'requestId'>): Promise<CommandResult> {
    return this.hub.command({ ...caller, kind, ...more } as unknown as HubCommand)
  }

  async newNode(fields: Record<string, unknown> = {}): Promise<string> {
    const result = await this.command('node.create', { node: { driver: 'fake-hardware', ...fields } })
    if (!result.ok) throw new Error(JSON.stringify(result.fault))
    return (result.value as { uuid: string }).uuid
  }

  async node(uuid: string): Promise<Record<string, unknown>> {
    const names = ['provision_state', 'target_provision_state', 'power_state', 'target_power_state', 'last_error', 'task', 'reservation', 'conductor', 'moved', 'secrets', 'driver_info', 'boot_ip', 'version', 'instance_info', 'deploy_step']
    const [row] = await this.sql.all(`SELECT ${names.join(', ')} FROM nodes WHERE uuid = ?`, [uuid])
    return Object.fromEntries(names.map((name, i) => [name, row?.[i]]))
  }

  /** Does the node's open task as a well-behaved conductor would: intent, events and a result for each step. Answers its steps. */
  async work(peer: TestPeer, options: { failAt?: string; stopAt?: string } = {}): Promise<string[]> {
    const task = peer.last('task')
    const about = { id: task.id, epoch: task.epoch }
    const done: string[] = []
    let n = task.lastEvent
    await this.say(peer, { type: 'accepted', ...about })
    for (let i = task.doneSteps; i < task.steps.length; i++) {
      const step = task.steps[i] as Step
      const name = `${step.interface}.${step.step}`
      await this.say(peer, { type: 'intent', ...about, step: i, rid: i })
      if (peer.frames.at(-1)?.type !== 'proceed') return done
      if (options.stopAt === name) return done
      if (options.failAt === name) {
        const fault = { code: 'image.digest' as const, message: 'sha256 differs', hint: 'correct it' }
        await this.say(peer, { type: 'result', ...about, outcome: { ok: false, fault, step: i } })
        return done
      }
      const at = this.now
      const events = [{ n: ++n, at, step: i, kind: 'started' as const }]
      if (step.waits) await this.say(peer, { type: 'event', ...about, events: [...events.splice(0), { n: ++n, at, step: i, kind: 'waiting' }] })
      if (step.waits) await this.say(peer, { type: 'event', ...about, events: [{ n: ++n, at, step: i, kind: 'resumed' }] })
      await this.say(peer, { type: 'event', ...about, events: [...events, { n: ++n, at, step: i, kind: 'finished', context: { last: name } }] })
      done.push(name)
    }
    await this.say(peer, { type: 'result', ...about, outcome: { ok: true } })
    return done
  }

  close(): void {
    this.sql.close()
    rmSync(this.#folder, { recursive: true, force: true })
    if (this.#stale.length > 0) throw new Error(`${this.#stale.length} stale columns, first: ${this.#stale[0]}`)
  }
}
