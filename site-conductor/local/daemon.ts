// What the running daemon offers to its host: its state, and break-glass. Puts roster, actions and control socket together.
import type { Env } from '../../shared/env.ts'
import type { FromConductor } from '../../shared/protocol.ts'
import type { Disk } from '../disk.ts'
import type { Driver } from '../driver.ts'
import type { Grants } from '../link/grants.ts'
import type { Journal } from '../tasks/journal.ts'
import type { Link } from '../link/link.ts'
import type { Log } from '../log.ts'
import type { Site } from '../site.ts'
import type { Tasks } from '../tasks/tasks.ts'
import { confirmationOf, LocalActions } from './actions.ts'
import { type Control, type ControlRequest, openControl } from './control.ts'
import { whyNotLocally } from './refusal.ts'
import { Roster } from './roster.ts'

export interface DaemonOptions {
  readonly env: Env
  readonly log: Log
  readonly disk: Disk
  /** Where the control socket is; without one there is none. */
  readonly dataDir?: string | undefined
  readonly journal: Journal
  readonly drivers: ReadonlyMap<string, Driver>
  readonly site: Site
  readonly grants: Grants
  readonly link: Link
  readonly tasks: Tasks
  readonly send: (message: FromConductor) => void
}

/** What `ferrule-conductor status` shows of a running daemon. */
export interface DaemonState {
  readonly connected: boolean
  /** ms since 1970; null while connected. */
  readonly downSince: number | null
  readonly leaseLeftMs: number
  readonly tasks: { id: string; node: string; kind: string; tenureLeftMs: number }[]
}

export class Daemon {
  readonly #options: DaemonOptions
  readonly #roster: Roster
  readonly #actions: LocalActions
  #control: Control | undefined

  static async start(options: DaemonOptions): Promise<Daemon> {
    const { env, disk, log, dataDir } = options
    const daemon = new Daemon(options, await Roster.open(env, disk, log))
    // Work goes on without: a folder whose path is too long for a socket is no reason to stop.
    if (dataDir !== undefined) {
      daemon.#control = await openControl(dataDir, (request) => daemon.answer(request)).catch((error: unknown) => {
        log.warn('no control socket: "status" and "local" cannot ask this daemon', { error })
        return undefined
      })
    }
    return daemon
  }

  private constructor(options: DaemonOptions, roster: Roster) {
    const { tasks, send } = options
    this.#options = options
    this.#roster = roster
    this.#actions = new LocalActions({
      ...options,
      roster,
      refusal: () => whyNotLocally(options.env, options.link, options.grants),
      running: (node) => tasks.running().flatMap((task) => (task.node === node ? [task.id] : [])),
      abort: (node) => tasks.abort(node),
      told: (action) => send({ type: 'local', action }),
    })
  }

  /** Grants came or went by the hub's word. */
  granted(): void {
    const { grants, link } = this.#options
    this.#roster.set(
      [...grants.all()].map(({ grant }) => grant),
      link.leaseMs,
    )
  }

  /** Tells what was done while the cloud was away, until it is settled. */
  reconnected(): void {
    const { journal, send } = this.#options
    for (const action of journal.locals.values())
      if (journal.isDurable(action) && !this.#actions.isUnderWay(action)) send({ type: 'local', action })
  }

  async close(): Promise<void> {
    await this.#control?.close()
    await this.#roster.close()
  }

  #state(): DaemonState {
    const { link, grants, tasks } = this.#options
    return {
      connected: link.connected,
      downSince: link.connected ? null : link.down.wall,
      leaseLeftMs: grants.leaseLeft(),
      tasks: tasks.running(),
    }
  }

  /** What somebody at the host asks; throws a FaultError that says why not. */
  async answer(request: ControlRequest): Promise<unknown> {
    switch (request.ask) {
      case 'status':
        return this.#state()
      case 'confirmation':
        return confirmationOf(this.#actions.find(request.node)).what
      case 'power':
        return await this.#actions.power(request, request.target)
      case 'abort':
        return await this.#actions.abort(request)
      case 'console':
        return this.#actions.console(request)
    }
  }
}
