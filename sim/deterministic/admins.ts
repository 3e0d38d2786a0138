// The people who look after a site: they drain conductors, change their share, call BMCs, set nodes aside, and say of a conductor that it
// is dead. 1. Who declares a conductor dead has switched its host off, and before it any copy; of one that is alive the hub must not believe it.
// 2. When the storm is over they put everything back.
import type { CommandResult, HubCommand } from '../../cloud/site-hub/commands.ts'
import type { ControlRequest } from '../../site-conductor/local/control.ts'
import { LOCAL_POWER } from '../../site-conductor/local/actions.ts'
import type { ConductorHost } from './conductor-host.ts'
import type { FaultKind } from './mix.ts'
import type { Random } from './random.ts'
import type { Stage } from './storm.ts'

type Wish = Omit<HubCommand, 'actor' | 'requestId'> & { kind: HubCommand['kind'] }

/** The short one is over before a slow BMC has answered. */
const CALL_TIMEOUT_MS = [1_000, 20_000]
/** What some nodes ask for, and some conductors have. */
export const LABELS = { rack: '7' }

export class Admins {
  readonly #stage: Stage
  /** Conductor → its copy that runs now. */
  readonly #copies: ReadonlyMap<string, ConductorHost>
  readonly #drained = new Set<string>()
  readonly #setAside = new Set<string>()
  #request = 0

  constructor(stage: Stage, copies: ReadonlyMap<string, ConductorHost>) {
    this.#stage = stage
    this.#copies = copies
  }

  /** True when `kind` is something that these people do, and they have done it. */
  act(kind: FaultKind, random: Random): boolean {
    const { conductors, machines, mix } = this.#stage
    const conductor = random.pick(conductors)
    const { node } = random.pick(machines)
    switch (kind) {
      case 'conductor.drain':
        void this.#drain(conductor.id, !this.#drained.has(conductor.id))
        return true
      case 'conductor.weight':
        void this.#ask({ kind: 'conductor.patch', conductor: conductor.id, weight: random.pick([1, 1, 2, 3]) } as Wish)
        return true
      case 'conductor.labels':
        void this.#label(conductor.id, random.chance(0.5))
        return true
      case 'conductor.dead':
        void this.#declareDead(conductor, random)
        return true
      case 'node.call': {
        // A person who changes the boot device of a machine that is being deployed breaks the deployment.
        const device = random.pick(['pxe', 'disk'])
        const harmless = mix.flavour === 'gentle' || mix.flavour === 'late'
        if (node !== '')
          void this.#call(
            node,
            harmless ? 'get_boot_device' : 'set_boot_device',
            { boot_device: device },
            random.pick(CALL_TIMEOUT_MS),
          )
        return true
      }
      case 'node.maintenance':
        if (node !== '') void this.#setMaintenance(node, !this.#setAside.has(node))
        return true
      case 'local.power':
        if (node !== '' && conductor.isUp && !conductor.isConnected) void this.#atTheSite(conductor, node, random)
        return true
      default:
        return false
    }
  }

  /** Puts back what they changed; what a node's power did to it stays. */
  async end(): Promise<void> {
    const { conductors, mix, world } = this.#stage
    const until = async (ask: () => Promise<CommandResult>) => {
      for (let tries = 0; tries < 50; tries++) {
        const result = await ask()
        if (result.ok || result.fault.code === 'not_found') return
        await world.clock.wait(2_000)
      }
    }
    if (mix.labels) for (const { id } of conductors) await until(() => this.#label(id, true))
    for (const id of [...this.#drained]) await until(() => this.#drain(id, false))
    for (const node of [...this.#setAside]) await until(() => this.#setMaintenance(node, false))
  }

  async #drain(conductor: string, on: boolean): Promise<CommandResult> {
    // Before the answer: one that is lost may have been carried out.
    this.#drained.add(conductor)
    const result = await this.#ask({ kind: 'conductor.drain', conductor, on } as Wish)
    if (result.ok && !on) this.#drained.delete(conductor)
    return result
  }

  #label(conductor: string, on: boolean): Promise<CommandResult> {
    return this.#ask({ kind: 'conductor.patch', conductor, labels: on ? LABELS : {} } as Wish)
  }

  async #setMaintenance(node: string, on: boolean): Promise<CommandResult> {
    this.#setAside.add(node)
    const result = await this.#ask({ kind: 'node.maintenance', node, on, reason: on ? 'a look at it' : null } as Wish)
    if (result.ok && !on) this.#setAside.delete(node)
    return result
  }

  async #call(node: string, method: string, args: Record<string, unknown>, timeoutMs: number): Promise<void> {
    await this.#ask({ kind: 'call', node, interface: 'management', method, args, timeoutMs } as Wish)
  }

  async #declareDead(conductor: ConductorHost, random: Random): Promise<void> {
    const { world, hub, judge, mix, data } = this.#stage
    const wish = { kind: 'conductor.declare_dead', conductor: conductor.id } as Wish
    // The hub is told of an identity, and ends its wait for whichever run came before (ADR 13): a copy that goes on would act beside that one.
    this.#copies.get(conductor.id)?.retire()
    judge.declaredDead(conductor.id)
    // Not where an answer may be lost: then nobody would know that it was believed.
    const isCertain = mix.faults['hub.kill'] === undefined && mix.database.failure === 0
    if (isCertain && random.chance(0.5)) {
      const peer = hub.servedPeer(conductor.id)
      if (peer === undefined || !judge.hasLease(conductor.id)) return
      // If it is believed the host is switched off in a moment.
      judge.holdings.lost(conductor.id)
      const { process } = conductor
      const [[waits] = []] = await data.all('SELECT held_ms FROM conductors WHERE id = ?', [conductor.id])
      const result = await this.#ask(wish)
      if (!result.ok) return
      // Believing it ends the socket, except where an earlier run was meant, for which this one waits. One that was killed meanwhile is dead.
      if (waits === null && process?.alive && hub.isUnbroken(peer) && judge.hasLease(conductor.id))
        judge.complain('alive', `${conductor.id} was connected and had its lease when it was declared dead`)
      conductor.kill()
      world.clock.after(10_000, () => conductor.start())
      return
    }
    conductor.kill()
    await this.#ask(wish)
    world.clock.after(random.between(1_000, 60_000), () => conductor.start())
  }

  /** Somebody stands before a machine, with a login at the conductor's host. What works on the node is ended first. */
  async #atTheSite(conductor: ConductorHost, node: string, random: Random): Promise<void> {
    const { judge, machines, world } = this.#stage
    const target = random.pick(['on', 'off', 'soft-off', 'reboot'])
    const person = { node, confirm: `node-${machines.findIndex((machine) => machine.node === node)}`, by: 'person' }
    const act = async (request: ControlRequest) => {
      const wants = request.ask === 'power' ? (LOCAL_POWER[target] ?? []) : []
      const outcome = await judge.locals.track(conductor.id, node, wants, conductor.local(request))
      const short = outcome?.ok ? 'ok' : outcome?.fault.code
      world.say(
        'person',
        `${request.ask} ${target} …${node.slice(-4)} at ${conductor.id}: ${short ?? 'nobody answers'}`,
      )
      return short
    }
    if ((await act({ ask: 'power', ...person, target })) !== 'node.locked') return
    if ((await act({ ask: 'abort', ...person })) === 'ok') await act({ ask: 'power', ...person, target })
  }

  async #ask(wish: Wish): Promise<CommandResult> {
    const { hub, judge, world } = this.#stage
    const command = { ...wish, actor: 'admin', requestId: `adm-${++this.#request}` } as HubCommand
    const result = await hub.command(command)
    const short = result.ok ? 'ok' : result.fault.code
    world.say('admin', `${JSON.stringify(wish)}: ${short}`)
    if (result.ok) judge.acknowledge(command, result.value)
    return result
  }
}
