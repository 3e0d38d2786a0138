// A driver without hardware: every step of every plan, on machines that are objects in memory. The shortest complete driver, so read
// it before you write one. driver_info.fake_delay_ms slows each step down, driver_info.fake_fail makes one fail.
import { z } from 'zod'
import { FAULTS, type FaultCode, FaultError } from '../../shared/faults.ts'
import {
  type Context,
  defineDriver,
  type Fencing,
  type Implementation,
  type StepContext,
  type StepResult,
} from '../driver.ts'
import { sleep } from '../timing.ts'

const info = z.looseObject({
  fake_delay_ms: z.coerce.number().int().min(0).max(600_000).default(0).describe('How long each step takes, in ms'),
  fake_fail: z
    .record(z.string(), z.enum(Object.keys(FAULTS) as [FaultCode, ...FaultCode[]]))
    .default({})
    .describe('Steps that fail and how: {"deploy.write_image": "image.digest"}'),
  fake_password: z.string().optional().describe('A secret that nothing needs'),
})
type Info = z.output<typeof info>

/** A machine that is not there. */
interface Machine {
  power: 'power on' | 'power off'
  bootDevice: { boot_device: string; persistent: boolean }
  disk?: string
  /** Each change of power, in order: what a test counts. */
  readonly changes: string[]
  /** Of the steps that may change something now: as at a BMC, each step has its own, and its name is enough to close it. */
  readonly sessions: Set<string>
}

const machines = new Map<string, Machine>()

/** The machine behind a node, shared by all conductors of this process, as hardware is. */
export function fakeMachine(node: string): Machine {
  let machine = machines.get(node)
  if (machine === undefined) {
    machine = {
      power: 'power off',
      bootDevice: { boot_device: 'disk', persistent: true },
      changes: [],
      sessions: new Set(),
    }
    machines.set(node, machine)
  }
  return machine
}

type Step = (context: StepContext<Info>) => Promise<StepResult | void>

/** A step that takes its time, fails when it is told to, and otherwise does `act` behind the last-moment check. */
function step(name: string, act: (machine: Machine, context: StepContext<Info>) => StepResult | void): Step {
  return async (context) => {
    await sleep(context.env, context.driverInfo.fake_delay_ms, context.signal)
    const code = context.driverInfo.fake_fail[name]
    if (code !== undefined) throw new FaultError(code, `${name} failed because driver_info.fake_fail says so`)
    context.before()
    const machine = fakeMachine(context.node.node)
    const { fence } = context
    if (fence?.session !== undefined && !machine.sessions.has(fence.session))
      throw new FaultError('bmc.session_lost', 'somebody else closed the session of this step')
    return act(machine, context)
  }
}

function turn(machine: Machine, power: Machine['power']): StepResult {
  if (machine.power !== power) machine.changes.push(power)
  machine.power = power
  return { facts: { power_state: power } }
}

const fencing: Fencing<Info> = {
  steps: [
    'power.power_on',
    'power.power_off',
    'power.soft_power_off',
    'management.set_boot_device',
    'deploy.prepare_instance_boot',
  ],
  async open({ node, env, before }, predecessor) {
    before()
    const { sessions } = fakeMachine(node.node)
    if (predecessor !== undefined) sessions.delete(predecessor)
    const session = Buffer.from(env.random(4)).toString('hex')
    sessions.add(session)
    return { session, close: async () => void sessions.delete(session) }
  },
}

const power: Implementation<Info> = {
  steps: {
    verify: step('power.verify', (machine) => ({ facts: { power_state: machine.power } })),
    power_on: step('power.power_on', (machine) => turn(machine, 'power on')),
    power_off: step('power.power_off', (machine) => turn(machine, 'power off')),
    soft_power_off: step('power.soft_power_off', (machine) => turn(machine, 'power off')),
  },
  methods: {
    get_power_state: async ({ node }) => fakeMachine(node.node).power,
  },
}

function setBootDevice({ node, before }: Context<Info>, args: Readonly<Record<string, unknown>>): void {
  before()
  fakeMachine(node.node).bootDevice = {
    boot_device: String(args['boot_device']),
    persistent: args['persistent'] === true,
  }
}

const management: Implementation<Info> = {
  steps: {
    set_boot_device: step('management.set_boot_device', (_, context) => setBootDevice(context, context.args)),
  },
  methods: {
    get_boot_device: async ({ node }) => fakeMachine(node.node).bootDevice,
    set_boot_device: async (context, args) => setBootDevice(context, args),
    get_supported_boot_devices: async () => ({ supported_boot_devices: ['pxe', 'disk', 'cdrom', 'bios', 'safe'] }),
  },
}

const boot: Implementation<Info> = {
  steps: {
    prepare_ramdisk: step('boot.prepare_ramdisk', () => {}),
    clean_up_ramdisk: step('boot.clean_up_ramdisk', () => {}),
    clean_up_instance: step('boot.clean_up_instance', () => {}),
  },
}

const deploy: Implementation<Info> = {
  steps: {
    wait_agent: step('deploy.wait_agent', () => ({ context: { agent_url: 'https://fake.invalid:9999' } })),
    write_image: step('deploy.write_image', (machine, { task, note }) => {
      const instance = task.context['instance_info'] as { image_source?: string } | undefined
      machine.disk = instance?.image_source ?? 'an image'
      note('write_image', { percent: 100 })
    }),
    write_configdrive: step('deploy.write_configdrive', () => {}),
    prepare_instance_boot: step('deploy.prepare_instance_boot', (_, context) =>
      setBootDevice(context, { boot_device: 'disk', persistent: true }),
    ),
    tear_down_agent: step('deploy.tear_down_agent', () => ({ context: { agent_url: null } })),
    erase_devices_metadata: step('deploy.erase_devices_metadata', (machine) => void delete machine.disk),
  },
}

export default defineDriver({
  name: 'fake-hardware',
  about: 'Machines in memory: for trying things out and for tests',
  info,
  secrets: ['fake_password'],
  interfaces: {
    power: { fake: power },
    management: { fake: management },
    boot: { fake: boot },
    deploy: { fake: deploy },
  },
  fencing,
})
