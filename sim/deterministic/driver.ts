// The driver of the simulated site: power and boot device are the production IPMI driver's, to the packet; boot and deploy are steps over
// the modelled machines. Each call is wrapped, so that a packet knows on whose behalf it goes out, and the judge is asked at each `before`.
import { FaultError } from '../../shared/faults.ts'
import {
  implementationOf,
  type Context,
  type Driver,
  type Implementation,
  type StepContext,
} from '../../site-conductor/driver.ts'
import ipmi from '../../site-conductor/drivers/ipmi.ts'
import type { IpmiInfo } from '../../site-conductor/drivers/ipmi/info.ts'
import { openPool } from '../../site-conductor/ipmi/pool.ts'
import { callbackMs } from '../../site-conductor/deploy/first-call.ts'
import { sleep } from '../../site-conductor/timing.ts'
import type { Cause, Lan } from './lan.ts'
import type { Machine } from './machine.ts'
import type { Process } from './process.ts'

export interface DriverWorld {
  readonly conductor: string
  readonly process: Process
  readonly lan: Lan
  /** Boot tokens of the nodes that this conductor lets boot. */
  readonly tickets: Map<string, string>
  /** Just before a packet of a mutation leaves, after the production check has let it pass. */
  allowed(cause: Cause, before: () => void): void
  /** Does the step that begins now take no notice of being aborted? */
  isDeaf(): boolean
  /** Something that may change the node begins; the answer: it has ended. */
  working(node: string): () => void
  /** A step of a task has been done. */
  done(task: string, step: string, epoch: number): void
}

type Named = Readonly<Record<string, (context: never, ...more: never[]) => unknown>>

export function simDriver(world: DriverWorld): Driver {
  const { conductor, process, lan, tickets } = world
  let cause: Cause | undefined
  const ipmiEnv = lan.ipmi(process, () => {
    const taken = cause
    cause = undefined
    return taken
  })

  const makePool = () => openPool({ env: ipmiEnv })

  const wrapped = <C extends Context<IpmiInfo>>(context: C, step: string): C => {
    const task = (context as unknown as Partial<StepContext<IpmiInfo>>).task
    const act = {}
    const before = () => {
      context.before()
      cause = {
        conductor,
        node: context.node.node,
        epoch: task?.epoch ?? context.node.epoch,
        task: task?.id,
        step,
        act,
      }
      world.allowed(cause, context.before)
    }
    const resource = <T extends { close(): Promise<void> }>(make: () => T): T =>
      context.site.resource((make as unknown) === openPool ? (makePool as unknown as () => T) : make)
    // Getters stay getters: a fence and the task's context change while a step runs.
    const deaf =
      task !== undefined && step !== 'fence' && world.isDeaf() ? { signal: new AbortController().signal } : {}
    const more = { before, site: { ...context.site, resource }, ...deaf }
    return Object.create(Object.prototype, {
      ...Object.getOwnPropertyDescriptors(context),
      ...Object.getOwnPropertyDescriptors(more),
    }) as C
  }
  const wrapAll = (implementation: Implementation<IpmiInfo>, kind: string): Implementation<IpmiInfo> => {
    const wrapNamed = (named: Named | undefined): Named =>
      Object.fromEntries(
        Object.entries(named ?? {}).map(([name, run]) => [
          name,
          (context: never, ...more: never[]) => {
            const act = async () => {
              const result = await run(wrapped(context, `${kind}.${name}`) as never, ...more)
              const { task } = context as Partial<StepContext>
              if (task !== undefined) world.done(task.id, `${kind}.${name}`, task.epoch)
              return result
            }
            return READS.test(name) ? act() : during(world.working((context as Context).node.node), act)
          },
        ]),
      )
    const entries = Object.entries(implementation).map(([name, value]) => {
      if (name === 'steps' || name === 'methods') return [name, wrapNamed(value as Named)]
      if (typeof value !== 'function' || name === 'release') return [name, value]
      return [name, wrapNamed({ [name]: value as never })[name]]
    })
    return Object.fromEntries(entries) as Implementation<IpmiInfo>
  }

  const management = firstOf('management')
  const boot = bootModel(tickets)
  const deploy = deployModel(process, lan, management)
  const { steps: fenced = [], open } = ipmi.fencing ?? {}
  return {
    ...ipmi,
    fencing: {
      steps: fenced,
      open: (context, predecessor) =>
        open!(wrapped(context as StepContext<IpmiInfo>, 'fence') as StepContext, predecessor),
    },
    interfaces: {
      power: { ipmitool: wrapAll(firstOf('power'), 'power') as Implementation },
      management: { ipmitool: wrapAll(management, 'management') as Implementation },
      boot: { sim: wrapAll(boot, 'boot') as Implementation },
      deploy: { sim: wrapAll(deploy, 'deploy') as Implementation },
    },
  }
}

/** These change nothing, and nobody waits for them. */
const READS = /^(get_|validate|resume)/

async function during(ended: () => void, act: () => unknown): Promise<unknown> {
  try {
    return await act()
  } finally {
    ended()
  }
}

function firstOf(kind: string): Implementation<IpmiInfo> {
  return implementationOf(ipmi, { interfaces: {} } as never, kind) as unknown as Implementation<IpmiInfo>
}

/** Which machines may load the ramdisk here. */
function bootModel(tickets: Map<string, string>): Implementation<IpmiInfo> {
  const tokenOf = (context: StepContext<IpmiInfo>) => context.task.context['boot_token'] as string | undefined
  return {
    steps: {
      async prepare_ramdisk(context) {
        const token = tokenOf(context) ?? Buffer.from(context.env.random(6)).toString('hex')
        tickets.set(context.node.node, token)
        return { context: { boot_token: token } }
      },
      async clean_up_ramdisk(context) {
        tickets.delete(context.node.node)
        return { context: { boot_token: null } }
      },
      async clean_up_instance() {},
    },
    async resume(context) {
      const token = tokenOf(context)
      if (token !== undefined) tickets.set(context.node.node, token)
    },
    release: (node) => void tickets.delete(node),
  }
}

const POLL_MS = 1_000
const LOST_AFTER_MS = 60_000

function deployModel(process: Process, lan: Lan, management: Implementation<IpmiInfo>): Implementation<IpmiInfo> {
  const machineOf = (context: Context<IpmiInfo>): Machine => lan.machines.get(context.driverInfo.ipmi_address)!

  /** Starts a command of the agent and waits for its end; one that is known there already is picked up. */
  async function perform(
    context: StepContext<IpmiInfo>,
    name: string,
    tookMs: number,
    effect: (machine: Machine) => void,
  ) {
    const machine = machineOf(context)
    const token = String(context.task.context['boot_token'])
    const key = `${context.task.id} ${name}`
    for (let silentMs = 0; silentMs < LOST_AFTER_MS;) {
      context.before()
      const { epoch } = context.task
      const state = await lan.ask(process, context.signal, () =>
        machine.command(token, key, epoch, tookMs, () => effect(machine)),
      )
      if (state === 'done') return
      if (state === 'refused') throw new FaultError('fenced', 'the agent has heard a newer conductor')
      silentMs = state === undefined ? silentMs + POLL_MS * 5 : 0
      await sleep(context.env, POLL_MS, context.signal)
    }
    throw new FaultError('agent.lost', `the agent did not answer for ${LOST_AFTER_MS / 1000} s`)
  }

  return {
    offers: { erase_devices_metadata: { clean: 99, abortable: true } },
    steps: {
      async wait_agent(context) {
        const machine = machineOf(context)
        const token = context.task.context['boot_token'] ?? 'none'
        for (const end = context.env.mono() + callbackMs(context); context.env.mono() < end;) {
          if ((await lan.ask(process, context.signal, () => machine.agent?.token)) === token)
            return { context: { agent_url: machine.address } }
          await sleep(context.env, POLL_MS, context.signal)
        }
        throw new FaultError('agent.no_call', 'no agent called')
      },
      write_image: (context) => {
        const image = (context.task.context['instance_info'] as { image_source?: string }).image_source ?? 'none'
        return perform(context, 'write_image', 12_000, (machine) => void (machine.disk = image))
      },
      write_configdrive: (context) => perform(context, 'write_configdrive', 500, () => {}),
      erase_devices_metadata: (context) => perform(context, 'erase', 2_000, (machine) => void (machine.disk = 'blank')),
      async prepare_instance_boot(context) {
        await management.methods!['set_boot_device']!(context, { boot_device: 'disk', persistent: true })
      },
      async tear_down_agent() {
        return { context: { agent_url: null } }
      },
    },
  }
}
