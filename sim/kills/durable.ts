// The cloud, as a process, is killed under load, and every effect of an answer of the 200s must be there when it is back. Each worker has nodes
// of its own and one request at a time: what a node must be is known, but for the one request whose answer did not come.
// What SIGKILL leaves is what the operating system was given; that the disk has it (fsync) is the database's to keep.
import { setTimeout as sleep } from 'node:timers/promises'
import { connectTo } from '../../cloud/hosts/node/test-host.ts'
import { enrol, TestConductor, type Enrolled, type HostUnderTest } from '../../cloud/hosts/test-conductor.ts'
import { Api, ApiError } from '../api.ts'
import { mulberry32 } from '../bmc/network.ts'
import type { SimCloud } from '../cloud.ts'

const WORKERS = 8
const MAX_LOAD_MS = 1000
const PATIENCE_MS = 60_000
/** Of a worker and between two kills; older ones are looked at again in the end. */
const NODES = 2

/** What was acknowledged of a node; with what may have been done besides. */
interface Known {
  readonly uuid: string
  count: number
  tasks: number
  maintenance: boolean
  deleted: boolean
  /** The request that was not answered. */
  open?: 'count' | 'task' | 'maintenance' | 'delete'
  /** It was asked to become manageable. */
  managed: boolean
}

export interface Acknowledged {
  creates: number
  patches: number
  verbs: number
  powers: number
  maintenance: number
  deletes: number
  /** Requests whose answer did not come. */
  unanswered: number
  kills: number
}

export class DurableRounds {
  readonly acknowledged: Acknowledged = {
    creates: 0,
    patches: 0,
    verbs: 0,
    powers: 0,
    maintenance: 0,
    deletes: 0,
    unanswered: 0,
    kills: 0,
  }
  readonly #cloud: SimCloud
  readonly #api: Api
  readonly #host: HostUnderTest
  readonly #enrolled: Enrolled
  readonly #random: () => number
  readonly #all: Known[] = []

  private constructor(cloud: SimCloud, host: HostUnderTest, enrolled: Enrolled, seed: number) {
    this.#cloud = cloud
    this.#api = new Api(cloud.url, cloud.token)
    this.#host = host
    this.#enrolled = enrolled
    this.#random = mulberry32(seed)
  }

  static async start(cloud: SimCloud, seed: number): Promise<DurableRounds> {
    const { url, token } = cloud
    const host: HostUnderTest = {
      url,
      token,
      fetch: (path, init) => fetch(`${url}${path}`, init),
      connect: (path, headers, take) => connectTo(url, path, headers, take),
    }
    return new DurableRounds(cloud, host, await enrol(host, 'durable'), seed)
  }

  /** Load, SIGKILL at a random moment of it, and the look at everything that was touched. */
  async kill(): Promise<void> {
    const conductor = await TestConductor.start(this.#host, this.#enrolled, 'durable')
    const from = this.#all.length
    const over = new AbortController()
    const workers = Array.from({ length: WORKERS }, () => this.#work(over.signal))
    await sleep(this.#random() * MAX_LOAD_MS)
    await this.#cloud.kill()
    over.abort()
    const failures = (await Promise.allSettled(workers)).filter(({ status }) => status === 'rejected')
    conductor.stop()
    await this.#cloud.start()
    if (failures.length > 0) throw (failures[0] as PromiseRejectedResult).reason
    this.acknowledged.kills++
    await Promise.all(this.#all.slice(from).map((known) => this.#look(known)))
  }

  /** Everything once more, when what was begun has come to its end. */
  async final(): Promise<void> {
    const conductor = await TestConductor.start(this.#host, this.#enrolled, 'durable')
    const end = performance.now() + PATIENCE_MS
    for (const known of this.#all) {
      if (!(await this.#look(known)) || !known.managed) continue
      for (;;) {
        const node = await this.#api.node(known.uuid)
        if (node.reservation === null && node.provision_state === 'manageable') break
        if (performance.now() > end)
          throw new Error(
            `${known.uuid} is ${node.provision_state}, ${node.last_error}, reserved by ${node.reservation}`,
          )
        await sleep(50)
      }
    }
    conductor.stop()
  }

  async #work(over: AbortSignal): Promise<void> {
    const mine: Known[] = []
    while (!over.aborted) {
      const known = mine[Math.floor(this.#random() * mine.length)]
      try {
        if (known === undefined || mine.length < NODES) mine.push(await this.#create())
        else if ((await this.#request(known)) === 'deleted') mine.splice(mine.indexOf(known), 1)
      } catch (error) {
        // A refusal is an answer, and promises nothing.
        if (error instanceof ApiError && [409, 503].includes(error.status)) {
          if (known) delete known.open
          continue
        }
        if (error instanceof ApiError) throw error
        this.acknowledged.unanswered++
        return
      }
    }
  }

  async #create(): Promise<Known> {
    const { uuid } = (await this.#api.call('POST', '/nodes', { driver: 'fake-hardware', extra: { count: 0 } })) as {
      uuid: string
    }
    const known: Known = { uuid, count: 0, tasks: 0, maintenance: false, deleted: false, managed: false }
    this.#all.push(known)
    this.acknowledged.creates++
    return known
  }

  async #request(known: Known): Promise<'deleted' | void> {
    const { uuid } = known
    const dice = this.#random()
    if (dice < 0.5) {
      known.open = 'count'
      await this.#api.patchNode(uuid, { 'extra/count': known.count + 1 })
      known.count++
      this.acknowledged.patches++
    } else if (dice < 0.65 && !known.managed) {
      known.open = 'task'
      await this.#api.provision(uuid, 'manage')
      known.tasks++
      known.managed = true
      this.acknowledged.verbs++
    } else if (dice < 0.85) {
      known.open = 'task'
      const target = this.#random() < 0.5 ? 'power on' : 'power off'
      await this.#api.call('PUT', `/nodes/${uuid}/states/power`, { target })
      known.tasks++
      this.acknowledged.powers++
    } else if (dice < 0.97) {
      known.open = 'maintenance'
      await this.#api.call(
        known.maintenance ? 'DELETE' : 'PUT',
        `/nodes/${uuid}/maintenance`,
        known.maintenance ? undefined : {},
      )
      known.maintenance = !known.maintenance
      this.acknowledged.maintenance++
    } else if (!known.managed) {
      known.open = 'delete'
      await this.#api.call('DELETE', `/nodes/${uuid}`)
      known.deleted = true
      this.acknowledged.deletes++
    }
    delete known.open
    return known.deleted ? 'deleted' : undefined
  }

  /** Compares, and takes over what the unanswered request did. False when the node is gone, as it may be. */
  async #look(known: Known): Promise<boolean> {
    const { uuid, open } = known
    const node = await this.#api.node(uuid).catch((error: unknown) => {
      if (error instanceof ApiError && error.status === 404) return undefined
      throw error
    })
    if (node === undefined) {
      if (!known.deleted && open !== 'delete') throw new Error(`the node ${uuid} was acknowledged and is gone`)
      known.deleted = true
      delete known.open
      return false
    }
    if (known.deleted) throw new Error(`the deletion of ${uuid} was acknowledged and is undone`)
    const { count } = node['extra'] as { count: number }
    const timeline = await this.#api.timeline(uuid)
    const opened = timeline.filter(({ type }) => type === 'task.opened')
    const verified = opened.some(({ body }) => body['kind'] === 'verify')
    const seen = { count, tasks: opened.length, maintenance: node.maintenance, managed: verified }
    const wanted = { count: known.count, tasks: known.tasks, maintenance: known.maintenance, managed: known.managed }
    const more = {
      ...wanted,
      ...(open === 'count' && { count: known.count + 1 }),
      ...(open === 'maintenance' && { maintenance: !known.maintenance }),
      ...(open === 'task' && { tasks: known.tasks + 1, managed: verified || known.managed }),
    }
    if (![wanted, more].some((each) => JSON.stringify(each) === JSON.stringify(seen)))
      throw new Error(
        `${uuid} is ${JSON.stringify(seen)}, acknowledged was ${JSON.stringify(wanted)}, unanswered ${open}`,
      )
    Object.assign(known, seen)
    delete known.open
    return true
  }
}
