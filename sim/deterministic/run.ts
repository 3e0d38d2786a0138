// One simulated run, from its seed: production hub and conductors in a world of faults, then peace, then the verdict.
import { CALLBACK_KINDS } from '../../cloud/callbacks.ts'
import { conductors as conductorTable, sites } from '../../cloud/schema/organisation.ts'
import { insert, isoTime } from '../../cloud/schema/rows.ts'
import { newSiteKey } from '../../shared/sealing.ts'
import { newIdentity } from '../../shared/upgrade.ts'
import { START_MS } from './clock.ts'
import { ConductorHost, type Credentials } from './conductor-host.ts'
import { nameOfCopy } from './copies.ts'
import type { DriverWorld } from './driver.ts'
import { HubHost } from './hub-host.ts'
import { Judge } from './judge.ts'
import { Lan } from './lan.ts'
import { BMC_PASSWORD, Machine } from './machine.ts'
import { openData, type Data } from './memory.ts'
import { drawMix, type Flavour, type Mix } from './mix.ts'
import { Operators } from './operators.ts'
import { Storm } from './storm.ts'
import { verdict } from './verdict.ts'
import { World } from './world.ts'

const SITE = { organisation: 'organisation', site: 'site' }
const POWER_POLL_S = 30
/** For an agent to call. */
const AGENT_S = 120
/** After the storm every task must have settled by then: a tenure, a lease, and a task's own steps and undoing. */
const PEACE_MS = 3 * 60 * 60_000
const LOOK_MS = 10_000
const ASK_MS = 20_000
/** Two sweeps of the power poll, and what reporting takes. */
const SWEEPS_MS = 2.5 * POWER_POLL_S * 1000

export interface RunResult {
  readonly seed: number
  readonly mix: Mix
  readonly violations: readonly string[]
  readonly trace: { readonly lines: number; readonly sha256: string }
  /** Commands that were carried out, tasks that settled, mutations that BMCs accepted, things that happened. */
  readonly counts: {
    readonly commands: number
    readonly tasks: number
    readonly mutations: number
    readonly steps: number
  }
  readonly virtualS: number
}

let credentials: Promise<Credentials> | undefined

/** Keys cost time and are in no trace: one set serves all runs of a process. */
function sharedCredentials(): Promise<Credentials> {
  credentials ??= (async () => ({ ...SITE, siteKey: await newSiteKey(), identity: await newIdentity() }))()
  return credentials
}

export async function runSeed(seed: number, print?: (line: string) => void, flavour?: Flavour): Promise<RunResult> {
  const keys = await sharedCredentials()
  const world = new World(seed, print)
  const mix = drawMix(world.random.stream('mix'), flavour)
  world.say('mix', JSON.stringify(mix))
  const data = await prepare(mix, keys)
  try {
    const judge = new Judge(world, data, [BMC_PASSWORD])
    const database = { ...mix.database }
    const hub = new HubHost({
      world,
      site: SITE,
      data,
      faults: database,
      onWant: (to, frame, socket) => judge.serves(to, frame, socket),
      onSend: (to, frame, socket) => judge.sent(to, frame, socket),
      onStale: (what) => judge.complain('durable', what),
    })
    const lan = new Lan(world, { ...mix.lan })
    const lines = world.random.stream('lines')
    const makeHost = (id: string, copy?: string) => {
      const allowed: DriverWorld['allowed'] = (cause, before) => judge.allowed(host, cause, before)
      const host: ConductorHost = new ConductorHost({
        world, id, hub, lan, credentials: keys, powerPollS: POWER_POLL_S, allowed, deaf: mix.deaf,
        working: (process, node) => judge.works.begins(process, node),
        done: (task, step, epoch) => judge.plans.done(id, task, step, epoch),
        onFrame: (from, frame, process) => judge.heard(from, frame, process),
        onArrival: (process, frame) => judge.told(process, frame),
        ...(copy !== undefined && { name: copy }),
      }) // prettier-ignore
      host.wire.latencyMs = mix.wanLatencyMs
      if (mix.wanLagMs > 0 && lines.chance(0.7)) host.wire.lagMs = mix.wanLagMs
      return host
    }
    const hosts = names(mix).map((id) => makeHost(id))
    const copyOf = (original: ConductorHost) => {
      const copy = makeHost(original.id, nameOfCopy(original.id))
      for (const [name, bytes] of original.disk.files) copy.disk.files.set(name, bytes)
      return copy
    }
    const firmware = world.random.stream('firmware')
    const machines = Array.from({ length: mix.machines }, (_, index) => {
      const boots = (machine: Machine) =>
        hosts
          .filter((host) => host.isUp && !host.process!.stopped)
          .map((host) => host.tickets.get(machine.node))
          .find(Boolean)
      const machine = new Machine(world, index, boots, mix.sessionLimit)
      machine.onMutation = (at, cause, what) => judge.mutation(at, cause, what)
      if (mix.firmware !== null) machine.bmc.faults.closing = mix.firmware
      if (mix.flavour === 'margin') machine.bmc.faults.closing = firmware.pick(['refused', 'asker', 'pretended'])
      lan.machines.set(machine.address, machine)
      return machine
    })
    judge.machines = machines
    const stage = { world, mix, hub, conductors: hosts, machines, judge, data, copyOf }
    for (const host of hosts) void host.enrol().then(() => host.start())
    const [storm, operators] = [new Storm(stage), new Operators(stage)]
    const { clock } = world
    await clock.run(clock.now + 5_000)
    operators.begin()
    storm.begin()
    await clock.run(clock.now + mix.stormMs)

    operators.end()
    storm.end()
    Object.assign(lan.faults, { loss: 0, doubled: 0, late: 0, stall: 0 })
    Object.assign(database, { failure: 0, readFailure: 0 })
    world.say('PEACE', 'everything works again')
    const end = clock.now + PEACE_MS
    const settle = async () => {
      while (clock.now < end) {
        await clock.run(clock.now + LOOK_MS)
        if ((await judge.openTasks()) === 0 && hosts.every((host) => host.isConnected)) break
      }
    }
    await settle()
    await clock.run(clock.now + SWEEPS_MS)
    // A machine whose power differs may have been put back by a task of the hub's own.
    await settle()
    const unserved = await ask(world, hub, machines)
    const journals = new Map<string, number>()
    for (const host of hosts) journals.set(host.id, await host.journalled())
    const { powerFailures } = storm
    await verdict({ data, judge, mix, machines, powerFailures, journals, unserved })
    const [[tasks] = [0]] = await data.all('SELECT count(*) FROM tasks')
    const counts = {
      commands: judge.acknowledged.length,
      tasks: Number(tasks),
      mutations: judge.mutations,
      steps: clock.steps,
    }
    for (const host of hosts) host.kill()
    return {
      seed,
      mix,
      violations: world.violations,
      trace: world.trace,
      counts,
      virtualS: Math.round((clock.now - START_MS) / 1000),
    }
  } finally {
    data.close()
  }
}

/** Asks each machine's conductor for its power. Answers what did not work. */
async function ask(world: World, hub: HubHost, machines: readonly Machine[]): Promise<Map<string, string>> {
  const unserved = new Map<string, string>()
  const nodes = machines.map(({ node }) => node).filter((node) => node !== '')
  for (const node of nodes) {
    unserved.set(node, 'no answer')
    const call = {
      kind: 'call',
      node,
      interface: 'power',
      method: 'get_power_state',
      args: {},
      timeoutMs: ASK_MS,
    } as const
    const asked = async () => {
      const result = await hub.command({ ...call, actor: 'judge', requestId: 'judge' })
      if (result.ok || result.fault.code === 'not_found') unserved.delete(node)
      else unserved.set(node, `${result.fault.code} ${result.fault.message}`)
    }
    void asked()
  }
  await world.clock.run(world.clock.now + 2 * ASK_MS, () => unserved.size === 0)
  return unserved
}

function names(mix: Mix): string[] {
  return ['a', 'b', 'c'].slice(0, mix.conductors)
}

async function prepare(mix: Mix, keys: Credentials): Promise<Data> {
  const data = await openData()
  const created_at = isoTime(0)
  const site = {
    id: SITE.site,
    name: 'default',
    public_key: keys.siteKey.publicKey,
    tenure_ms: mix.tenureMs,
    callback_timeouts_s: Object.fromEntries(CALLBACK_KINDS.map((kind) => [kind, AGENT_S])),
    created_at,
  }
  await data.batch([
    insert(sites, site),
    ...names(mix).map((id) =>
      insert(conductorTable, {
        id,
        site: SITE.site,
        hostname: `conductor-${id}`,
        identity_key: 'k',
        box_key: 'b',
        created_at,
      }),
    ),
  ])
  return data
}
