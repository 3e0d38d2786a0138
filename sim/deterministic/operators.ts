// People (or their tools) who want machines: each node has one, who looks at its state and asks for the next thing, not always wisely.
import type { CommandResult, HubCommand } from '../../cloud/site-hub/commands.ts'
import { LABELS } from './admins.ts'
import { BMC_PASSWORD, type Machine } from './machine.ts'
import type { Random } from './random.ts'
import type { Stage } from './storm.ts'

type Wish = Omit<HubCommand, 'actor' | 'requestId'> & { kind: HubCommand['kind'] }

export class Operators {
  readonly #stage: Stage
  #over = false
  #request = 0

  constructor(stage: Stage) {
    this.#stage = stage
  }

  begin(): void {
    for (const [index, machine] of this.#stage.machines.entries()) void this.#own(machine, index)
  }

  end(): void {
    this.#over = true
  }

  async #own(machine: Machine, index: number): Promise<void> {
    const { world } = this.#stage
    const random = world.random.stream(`operator ${index}`)
    while (!this.#over) {
      if (machine.node === '') {
        await this.#create(machine, index, random)
        continue
      }
      await world.clock.wait(random.pick([random.between(200, 3_000), random.between(1_000, 20_000)]))
      const [row] = await this.#stage.data.all('SELECT provision_state, power_state FROM nodes WHERE uuid = ?', [
        machine.node,
      ])
      if (this.#over) return
      if (row === undefined) {
        machine.node = '' // deleted, although the answer was lost
        continue
      }
      const state = String(row[0])
      if ((state === 'available' || state === 'manageable') && random.chance(0.04)) await this.#delete(machine)
      else await this.#want(machine.node, state, random)
    }
  }

  async #create(machine: Machine, index: number, random: Random): Promise<void> {
    const { mix, world } = this.#stage
    await world.clock.wait(random.between(500, 8_000))
    if (this.#over) return
    const login = { ipmi_address: machine.address, ipmi_username: 'admin', ipmi_password: BMC_PASSWORD }
    machine.keptOn = world.random.stream(`kept on ${index}`).chance(0.2)
    const node = {
      driver: 'ipmi',
      disable_power_off: machine.keptOn,
      name: `node-${index}`,
      automated_clean: random.chance(0.3),
      driver_info: {
        ...login,
        ...(random.chance(0.3) ? { force_power_state_during_sync: true } : {}),
        ...(mix.labels && random.chance(0.5) ? { conductor_labels: LABELS } : {}),
      },
    }
    const made = await this.#ask({ kind: 'node.create', node } as Wish)
    if (made.ok) machine.node = (made.value as { uuid: string }).uuid
    else if (made.fault.code === 'conflict') await this.#find(machine, `node-${index}`)
  }

  /** Its creation was carried out although the answer was lost. */
  async #find(machine: Machine, name: string): Promise<void> {
    const [row] = await this.#stage.data.all('SELECT uuid FROM nodes WHERE name = ?', [name])
    if (row !== undefined) machine.node = String(row[0])
  }

  async #delete(machine: Machine): Promise<void> {
    const gone = await this.#ask({ kind: 'node.delete', node: machine.node } as Wish)
    if (gone.ok || gone.fault.code === 'not_found') machine.node = ''
  }

  async #want(node: string, state: string, random: Random): Promise<void> {
    const verb = (verb: string) => this.#ask({ kind: 'node.provision', node, verb, args: {} } as unknown as Wish)
    const isIdle = state === 'manageable' || state === 'available'
    if (this.#stage.mix.busy && isIdle && random.chance(0.7)) return void (await this.#power(node, random))
    switch (state) {
      case 'enroll':
        return void (await verb('manage'))
      case 'manageable':
        return void (await verb('provide'))
      case 'clean failed':
        await this.#ask({ kind: 'node.maintenance', node, on: false, reason: null } as unknown as Wish)
        return void (await verb('manage'))
      case 'available':
      case 'deploy failed': {
        const value = `image-${random.int(1, 9)}`
        const patch = [{ op: 'add', path: '/instance_info/image_source', value }]
        if (state === 'available') await this.#ask({ kind: 'node.patch', node, patch } as unknown as Wish)
        return void (await verb(state === 'available' || random.chance(0.6) ? 'active' : 'deleted'))
      }
      case 'active':
        if (random.chance(0.3)) return void (await verb('deleted'))
        if (random.chance(0.2)) return void (await verb('rebuild'))
        return void (await this.#power(node, random))
      case 'error':
        return void (await verb('deleted'))
      case 'wait call-back':
        if (random.chance(0.1)) await verb('abort')
        return
      default:
    }
  }

  async #power(node: string, random: Random): Promise<void> {
    const target = random.pick(['power on', 'power off', 'rebooting', 'soft power off', 'soft rebooting'])
    await this.#ask({ kind: 'node.power', node, target } as unknown as Wish)
  }

  async #ask(wish: Wish): Promise<CommandResult> {
    const { hub, judge, world } = this.#stage
    const command = { ...wish, actor: 'operator', requestId: `req-${++this.#request}` } as HubCommand
    const result = await hub.command(command)
    const what = 'verb' in command ? command.verb : 'target' in command ? command.target : ''
    const short = result.ok ? 'ok' : result.fault.code
    world.say(
      'operator',
      `${command.kind} ${what} ${'node' in command && typeof command.node === 'string' ? `…${command.node.slice(-4)}` : ''}: ${short}`,
    )
    if (result.ok) judge.acknowledge(command, result.value)
    return result
  }
}
