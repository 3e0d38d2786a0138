// One machine, its site and a cloud of its own, in which conductors are killed: each of them, and the cloud, is a process.
// Every action is done once undisturbed; what its transitions and its disk are then is what they must be with kills.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { folder as diskOf } from '../../site-conductor/disk.ts'
import { readIdentity } from '../../site-conductor/identity.ts'
import type { ApiNode } from '../api.ts'
import { startSimCloud, type NodeCloud } from '../cloud.ts'
import type { SimConductor } from '../conductor.ts'
import { lookAtDisk } from '../disk.ts'
import { imageDigest, imageDigestOn, makeImage } from '../image.ts'
import { setLease } from '../lease.ts'
import type { SimMachine } from '../machine.ts'
import { startSimSite, type SimSite } from '../site.ts'

const IMAGE_BYTES = 3 * 2 ** 20
const IMAGE = makeImage(IMAGE_BYTES)
const PATIENCE_MS = 120_000
const POLL_MS = 30
const LAST_LINES = 25
/** After a lease ends its conductor has this long before anybody else acts (cloud/site-hub/due.ts). */
export const MARGIN_MS = 2000
/** Where nobody would take over, a stop of any length will do. */
const DEFAULT_STOPPED_MS = 2000

export interface Lane {
  readonly cloud: NodeCloud
  /** Longer than a lease and its margin, so that another takes over. */
  readonly stoppedMs: number
  readonly site: SimSite
  readonly machine: SimMachine
  readonly conductors: readonly SimConductor[]
  readonly log: string[]
  /** The conductor that has the node. */
  owner(): Promise<SimConductor>
  until<T>(what: string, check: () => Promise<T | undefined | false> | T | undefined | false): Promise<T>
  /** Starts `conductor` again, and waits for its session. */
  startAgain(conductor: SimConductor): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export interface LaneOptions {
  readonly folder: string
  readonly conductors: 1 | 2
  readonly leaseMs?: number
}

export async function startLane({ folder, conductors: count, leaseMs }: LaneOptions): Promise<Lane> {
  const things = new AsyncDisposableStack()
  const log: string[] = []
  const onLog = (line: string) => void log.push(line)
  try {
    const cloud = await startSimCloud({ dataDir: join(folder, 'cloud'), as: 'process', onLog })
    things.defer(() => cloud.close())
    if (leaseMs !== undefined) await setLease(join(folder, 'cloud'), leaseMs)
    const site = await startSimSite({
      cloudUrl: cloud.url,
      token: cloud.token,
      machines: 1,
      dataDir: join(folder, 'site'),
      conductor: 'process',
      imageBytes: IMAGE_BYTES,
      ramdiskBytes: 16 * 1024,
      onLog,
    })
    things.defer(() => site.close())
    const conductors = [site.conductor]
    if (count === 2) conductors.push(await site.join({}, 'process'))
    const node = site.machines[0]!.node
    const until: Lane['until'] = async (what, check) => {
      const end = performance.now() + PATIENCE_MS
      for (;;) {
        const found = await unlessAway(check)
        if (found !== undefined && found !== false) return found
        if (performance.now() > end)
          throw new Error(
            `no ${what} in ${PATIENCE_MS / 1000} s\n${await account(site)}\n${log.slice(-LAST_LINES).join('\n')}`,
          )
        await sleep(POLL_MS)
      }
    }
    const sessions = (id: string) => log.filter((line) => line.includes('"link up"') && line.includes(id)).length
    const lane: Lane = {
      cloud,
      stoppedMs: (leaseMs ?? DEFAULT_STOPPED_MS) + 2 * MARGIN_MS,
      site,
      machine: site.machines[0]!.machine,
      conductors,
      log,
      async owner() {
        const { conductor } = await site.api.node(node)
        const found = conductors.find(({ hostname }) => hostname === conductor)
        if (found === undefined) throw new Error(`the node is with ${String(conductor)}`)
        return found
      },
      until,
      async startAgain(conductor) {
        // Of this one: on a busy host another may lapse and be back meanwhile, and one that is alone has a tenure, which nobody may end.
        const { conductor: id } = (await readIdentity(await diskOf(conductor.dataDir)))!
        const before = sessions(id)
        await conductor.start()
        await until('new session', () => sessions(id) > before)
      },
      [Symbol.asyncDispose]: () => things.disposeAsync(),
    }
    await site.api.patchNode(node, { instance_info: site.instanceInfo() })
    await site.api.provision(node, 'manage')
    await rests(lane, 'manageable')
    await site.api.provision(node, 'provide')
    await rests(lane, 'available')
    return lane
  } catch (error) {
    await things.disposeAsync()
    throw error
  }
}

/** What `ask` answers; undefined while the cloud is away. */
export async function unlessAway<T>(ask: () => Promise<T> | T): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    // As fetch says that nobody listens, or that the connection broke.
    if (error instanceof TypeError && error.message === 'fetch failed') return undefined
    throw error
  }
}

/** What a person would look at: the end of the timeline, and of the console. */
async function account({ api, machines }: SimSite): Promise<string> {
  const { node, machine } = machines[0]!
  const { provision_state: state, reservation } = await api.node(node)
  const timeline = (await api.timeline(node))
    .slice(-LAST_LINES)
    .map(
      ({ at, type, step, body }) => `${at.slice(11, 23)} ${type} ${step ?? ''} ${JSON.stringify(body).slice(0, 160)}`,
    )
  const console = machine.console().split('\n').slice(-LAST_LINES)
  return [`${state}, reserved by ${reservation}`, ...timeline, 'console', ...console, 'log'].join('\n')
}

/** Waits until the node rests in `state` without an error. */
async function rests({ site, until }: Lane, state: string, power?: string): Promise<ApiNode> {
  const { node } = site.machines[0]!
  return await until(state, async () => {
    const now = await site.api.node(node)
    if (now.reservation !== null) return undefined
    if (now.last_error !== null) throw new Error(`${now.provision_state} instead of ${state}: ${now.last_error}`)
    if (power !== undefined && (now.power_state !== power || now['target_power_state'] !== null)) return undefined
    return now.provision_state === state ? now : undefined
  })
}

export interface Action {
  readonly name: string
  begin(lane: Lane, hostname: string): Promise<unknown>
  /** Waits for its end, and looks at the machine. */
  end(lane: Lane, hostname: string): Promise<void>
}

const put = ({ site }: Lane, target: string, more: Record<string, unknown> = {}) =>
  site.api.provision(site.machines[0]!.node, target, more)
const power = ({ site }: Lane, target: string) =>
  site.api.call('PUT', `/nodes/${site.machines[0]!.node}/states/power`, { target })
const drive = (hostname: string) => ({ configdrive: { meta_data: { hostname }, user_data: '#!/bin/sh\necho hello' } })

/** In this order they come back to where they began: `available`. */
export const ACTIONS: readonly Action[] = [
  { name: 'deploy', begin: (lane, hostname) => put(lane, 'active', drive(hostname)), end: deployed },
  { name: 'rebuild', begin: (lane, hostname) => put(lane, 'rebuild', drive(hostname)), end: deployed },
  {
    name: 'power off',
    begin: (lane) => power(lane, 'power off'),
    end: async (lane) => void (await rests(lane, 'active', 'power off')),
  },
  {
    name: 'power on',
    begin: (lane) => power(lane, 'power on'),
    end: async (lane) => void (await rests(lane, 'active', 'power on')),
  },
  {
    name: 'tear down, clean',
    begin: (lane) => put(lane, 'deleted'),
    end: async (lane) => {
      await rests(lane, 'available')
      // It forgets what to deploy, and whose it was.
      await lane.site.api.patchNode(lane.site.machines[0]!.node, { instance_info: lane.site.instanceInfo() })
    },
  },
]

async function deployed(lane: Lane, hostname: string): Promise<void> {
  const { machine, until } = lane
  await rests(lane, 'active', 'power on')
  await until(`operating system of ${hostname}`, () => machine.console().includes(`FERRULE-OS-UP host=${hostname} `))
  const { path } = machine.disk
  if ((await imageDigestOn(path, IMAGE_BYTES)) !== imageDigest(IMAGE.bytes))
    throw new Error(`${hostname}: the disk is not the image`)
  const found = await lookAtDisk(path)
  const name = (found?.config?.metaData as { hostname?: string } | undefined)?.hostname
  if (found?.partitions.length !== 2 || name !== hostname)
    throw new Error(`${hostname}: the disk holds ${JSON.stringify(found)}`)
}
