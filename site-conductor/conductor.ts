// A whole conductor inside one process: what main runs, and what tests, the simulated site and `npm run dev` embed.
import { type Env, systemEnv } from '../shared/env.ts'
import { uuidv7 } from '../shared/ids.ts'
import type { Grant, ToConductor } from '../shared/protocol.ts'
import { Agents } from './agents/agents.ts'
import { goesOnByItself, inWords, type StageEvent } from './boot/timeline.ts'
import type { Resident } from './boot/residents.ts'
import { blobs } from './link/blobs.ts'
import { Calls } from './tasks/calls.ts'
import { type Config, portRange } from './config.ts'
import { sweepRuns } from './deploy/ansible/run-folder.ts'
import { Consoles } from './site/consoles.ts'
import { type Dialer, webSocketDialer } from './link/dialer.ts'
import { type Disk, folder, lend } from './disk.ts'
import { type Driver, implementationOf } from './driver.ts'
import { Facts } from './link/facts.ts'
import { Grants } from './link/grants.ts'
import { greeting } from './link/greeting.ts'
import { readIdentity, readSite } from './identity.ts'
import { Journal } from './tasks/journal.ts'
import { KeptBlobs } from './site/kept-blobs.ts'
import type { LinkOutcome } from './link/connection.ts'
import { Link } from './link/link.ts'
import { loadDrivers } from './drivers/load-drivers.ts'
import type { ControlRequest } from './local/control.ts'
import { Daemon } from './local/daemon.ts'
import { lockFolder } from './lock.ts'
import type { Log } from './log.ts'
import { Notes } from './link/notes.ts'
import { PowerPoll } from './tasks/periodic.ts'
import { residentAt } from './tasks/resident.ts'
import { Screens } from './screens/door.ts'
import { Tasks } from './tasks/tasks.ts'
import { makeSite } from './site/make-site.ts'
import { resources } from './site.ts'
import { type RunningSiteBoot, startSiteBoot } from './site/site-boot.ts'

/** What the simulator and tests put in place of the real thing. */
export interface Services {
  readonly dialer?: Dialer
  readonly disk?: Disk
  /** Names the lock on `disk`, of which whoever starts this is the keeper; absent: there is none. */
  readonly lock?: string
  readonly drivers?: ReadonlyMap<string, Driver>
  /** How machines boot here; by default the real services, where the configuration says `boot`. */
  readonly boot?: (
    agents: Agents,
    onStage: (event: StageEvent) => void,
    resident: (mac: string) => Resident | undefined,
  ) => Promise<RunningSiteBoot>
}

export interface ConductorOptions {
  readonly config: Config
  readonly env?: Env
  readonly log: Log
  readonly services?: Services
}

export interface RunningConductor {
  /** UUID that the cloud gave at enrolment. */
  readonly id: string
  readonly site: string
  isConnected(): boolean
  /** Settles when the link has ended for good: after close(), or with a fatal outcome. Rejects when the journal cannot be written. */
  readonly ended: Promise<LinkOutcome>
  /** As through the control socket: its state, and break-glass. */
  local(request: ControlRequest): Promise<unknown>
  close(): Promise<void>
}

/** A driver that is deaf to the end of its node's grant: then no goodbye is said, and the hub waits for the lease, as after a crash. */
const ACTS_END_WITHIN_MS = 2_000

export async function startConductor(options: ConductorOptions): Promise<RunningConductor> {
  const { config, env = systemEnv, services = {} } = options
  const disk = lend(services.disk ?? (await folder(config.dataDir)))
  const identity = await readIdentity(disk)
  if (identity === undefined)
    throw new Error(`${config.dataDir} holds no identity: run "ferrule-conductor enroll" first`)
  const stored = await readSite(disk)
  const log = options.log.with({ site: identity.site, conductor: identity.conductor })
  await using opened = new AsyncDisposableStack()
  let { lock } = services
  if (services.disk === undefined) {
    const held = await lockFolder(config.dataDir)
    opened.defer(() => held.release())
    lock = held.name
    await sweepRuns(config.dataDir)
  }
  opened.defer(() => disk.close())
  const journal = await Journal.open(disk)
  opened.defer(() => journal.close())
  if (journal.cutBytes > 0) log.warn('the end of the journal was torn and is cut off', { bytes: journal.cutBytes })
  if (journal.damage !== undefined) log.error('the journal was damaged: records are lost', { ...journal.damage })
  const drivers = services.drivers ?? (await loadDrivers(config.drivers))

  const caller = { conductor: identity.conductor, privateKey: identity.privateKey, incarnation: uuidv7(env) }
  const grants = new Grants(env)
  const agents = new Agents(() => env.now())
  const kept = resources()
  opened.defer(() => kept.close())
  const realBoot: Services['boot'] = (all, onStage, resident) =>
    startSiteBoot(config, stored, all, log, onStage, resident)
  const boot = await (services.boot ?? (config.boot ? realBoot : undefined))?.(agents, onBootStage, residentOf)
  if (boot !== undefined) opened.defer(() => boot.close())
  const drives = new KeptBlobs(disk, blobs({ env, url: config.url ?? identity.url, ...caller }), log)
  const made = await makeSite({
    ...{ env, config, identity, stored, agents, drives, boot },
    resource: kept.resource,
    consoles: () => consoles,
    screens: () => screens,
  })
  opened.defer(() => made.close())
  const { site } = made
  const failure = Promise.withResolvers<never>()
  function fail(error: unknown): void {
    grants.lapse()
    link.stop()
    failure.reject(error)
  }
  const send: Link['send'] = (message) => link.send(message)
  const isConnected = () => link.connected
  const facts = new Facts(env, send, isConnected)
  const notes = new Notes(env, send, isConnected)
  const shared = { env, log, grants, drivers, site, send }
  const tasks = new Tasks({
    ...shared,
    journal,
    note: (node, task, stage, body) => notes.add({ node, task, stage, body }),
    ahead: (task) => drives.ahead(task),
    told: (node, epoch, fields) => facts.saidElsewhere(node, epoch, fields),
    ended: (node) => poll.taskEnded(node),
    broken: fail,
  })
  function onBootStage(event: StageEvent): void {
    const { node, stage, ...body } = event
    agents.saw(node, stage, inWords({ stage, ...body }))
    // What is not on record when this process ends is done again: the boot.
    if (goesOnByItself(event)) agents.scriptFetched(node).catch(() => {})
    if (stage === 'kickstart' && body.outcome === 'complete') agents.ordersFetched(node).catch(() => {})
    if (grants.get(node) !== undefined || tasks.isBusy(node)) notes.add({ node, stage: `boot.${stage}`, body })
  }
  function hasOtherDhcp(grant: Grant): boolean {
    const driver = drivers.get(grant.driver)
    return driver !== undefined && implementationOf(driver, grant, 'network')?.dhcp?.(site) !== undefined
  }
  function residentOf(mac: string): Resident | undefined {
    return residentAt(mac, { grants, tasks, log, site, hasOtherDhcp })
  }
  const calls = new Calls({
    ...shared,
    note: (node, stage, body) => notes.add({ node, stage, body }),
    told(hold, changed) {
      for (const [field, value] of Object.entries(changed)) facts.set(hold, field, value)
    },
    answering: () => facts.flush(),
  })
  const consoles: Consoles = new Consoles({
    env,
    log,
    grants,
    address: config.consoleAddress,
    ports: portRange(config.consolePorts)!,
    join: (hold, client, accept) => calls.join(hold, client, accept),
    restart: (hold) => calls.invoke(hold, 'console', 'restart_console', {}, hold.signal),
  })
  const screens = new Screens({
    env,
    log,
    consoles,
    address: config.consoleAddress,
    port: config.vncPort,
    publicUrl: config.vncPublicUrl,
    ticketMs: config.vncTokenS * 1000,
  })
  opened.defer(() => screens.close())
  opened.defer(() => consoles.close())
  const link: Link = new Link({
    env,
    log,
    grants,
    dialer: services.dialer ?? webSocketDialer,
    url: config.url ?? identity.url,
    identity: caller,
    handler: {
      hello() {
        return greeting({ hostname: identity.hostname, drivers, config, site, lock, inflight: tasks.inflight() })
      },
      welcomed() {
        daemon.reconnected()
        tasks.reconnected()
        facts.reconnected()
        notes.flush()
      },
      message: (message) => void dispatch(message).catch(fail),
      tenures: (tenures, sent) => tasks.extendTenures(tenures, sent),
      dropped: (node, epoch) => void giveBack(node, epoch),
    },
  })

  /** Said when nothing of it is under way any more; not where it was given again meanwhile, by a new session: the hub asks for that again, if it still wants it. */
  async function giveBack(node: string, epoch: number): Promise<void> {
    const deaf = (await Promise.all([tasks.ended(node), calls.ended(node)])).flat()
    if (deaf.length > 0) {
      log.error('a node is given back that its driver has not come back from', { node, epoch, acts: deaf })
      notes.add({ node, stage: 'release.deaf', body: { acts: deaf } })
      notes.flush() // while the node is ours: the hub hears of it from nobody else
    }
    if (grants.get(node) === undefined) send({ type: 'released', node, epoch })
  }

  async function dispatch(message: ToConductor): Promise<void> {
    switch (message.type) {
      case 'task':
        return await tasks.deliver(message)
      case 'proceed':
        return tasks.proceed(message.id, message.rid, message.tenureMs)
      case 'fenced':
        return await tasks.over(message.id, message.type, message.rid, message.epoch)
      case 'done':
        return await tasks.over(message.id, message.type, message.rid)
      case 'cancel':
        return tasks.cancel(message.id)
      case 'ack':
        return await tasks.acked(message.id, message.upTo)
      case 'settled': {
        const node = journal.entries.get(message.id)?.task.node
        await tasks.settled(message.id)
        if (node !== undefined && !tasks.isPending(node)) await drives.drop(node)
        return
      }
      case 'call':
        return await calls.answer(message)
      case 'grants':
        if (!message.last) return
        tasks.granted()
        consoles.granted()
        return daemon.granted()
      case 'welcome':
      case 'lease':
        return
    }
  }

  const poll = new PowerPoll({
    env,
    log,
    grants,
    calls,
    facts,
    intervalMs: config.powerPollS * 1000,
    isBusy: (node) => tasks.isBusy(node),
  })
  const daemon = await Daemon.start({
    ...shared,
    disk,
    dataDir: services.disk === undefined ? config.dataDir : undefined,
    journal,
    link,
    tasks,
  })
  const ended = Promise.race([failure.promise, link.run()])
  ended.catch((error) => log.error('the conductor cannot go on', { error }))

  const closing = opened.move()
  return {
    id: identity.conductor,
    site: identity.site,
    isConnected,
    ended,
    local: (request) => daemon.answer(request),
    async close() {
      poll.close()
      await daemon.close()
      facts.flush()
      notes.flush()
      await tasks.close()
      grants.lapse()
      const deaf = (await Promise.all([tasks.idle(ACTS_END_WITHIN_MS), calls.idle(ACTS_END_WITHIN_MS)])).flat()
      if (deaf.length === 0) await link.leave()
      else log.error('no goodbye: a driver has not come back', { acts: deaf })
      link.stop()
      await ended.catch(() => {})
      await closing.disposeAsync()
    },
  }
}
