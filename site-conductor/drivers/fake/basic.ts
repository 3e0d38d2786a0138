// Power, management, boot and deploy of fake hardware: every step of every plan.
import type { Context, Fencing, Implementation, StepResult } from '../../driver.ts'
import { installerInfoOf } from '../../deploy/installer-info.ts'
import { instanceBootOf } from '../../deploy/instance-boot.ts'
import { BOOT_VOLUME } from '../../deploy/instance-way.ts'
import { ISCSI } from '../../storage/iscsi-volumes.ts'
import { BOOT_AGAIN } from '../../deploy/task-context.ts'
import { resetOnce } from '../reset-once.ts'
import { isInMemory, powerOf } from './by-boot.ts'
import { type Args, fakeMachine, type Info, look, type Machine, method, type Power, refuse, step } from './machine.ts'
import { biosFacts, firmwareFacts } from './parts.ts'

/** Nobody asked a machine that is switched by hand. */
function healthOf(context: Context<Info>): Info['fake_health'] | null {
  return isInMemory(context) ? context.driverInfo.fake_health : null
}

function turn(machine: Machine, power: Power, context: Context<Info>): StepResult {
  if (powerOf(context) !== power) change(machine, power, context)
  machine.power = power
  return { facts: { power_state: power } }
}

async function reset(machine: Machine, context: Context<Info>): Promise<StepResult> {
  change(machine, 'reset', context)
  return { facts: { power_state: machine.power } }
}

function change(machine: Machine, wanted: Power | 'reset', context: Context<Info>): void {
  machine.changes.push(wanted)
  machine.log.push(wanted)
  if (!isInMemory(context)) context.note('power.by_hand', { wanted })
}

export const fencing: Fencing<Info> = {
  steps: [
    'power.power_on',
    'power.power_off',
    'power.soft_power_off',
    'power.reset',
    'management.set_boot_device',
    'deploy.prepare_instance_boot',
    'deploy.set_boot_to_disk',
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

export const power: Implementation<Info> = {
  steps: {
    /** What there is to be known of a machine that is new. */
    verify: step('power.verify', (machine, context) => ({
      facts: {
        ...(powerOf(context) !== null && { power_state: machine.power }),
        health: healthOf(context),
        boot_mode: machine.bootMode,
        secure_boot: machine.secureBoot,
        ...biosFacts(machine),
        ...firmwareFacts(machine),
      },
    })),
    power_on: step('power.power_on', (machine, context) => turn(machine, 'power on', context)),
    power_off: step('power.power_off', (machine, context) => turn(machine, 'power off', context)),
    reset: step('power.reset', (machine, context) =>
      resetOnce(context, {
        isOff: powerOf(context) === 'power off',
        switchOn: async () => turn(machine, 'power on', context),
        reset: () => reset(machine, context),
      }),
    ),
    soft_power_off: step('power.soft_power_off', (machine, context) => turn(machine, 'power off', context)),
  },
  methods: {
    async get_power_state(context) {
      context.tell?.({ health: healthOf(context) })
      return powerOf(context)
    },
  },
}

const BOOT_DEVICES = ['pxe', 'disk', 'cdrom', 'bios', 'safe']
const BOOT_MODES = ['uefi', 'bios'] as const
/** Of each indicator: may it be changed, and to what. */
const INDICATORS: Readonly<Record<string, { readonly readonly: boolean; readonly states: readonly string[] }>> = {
  'led-0@chassis': { readonly: true, states: ['off', 'on'] },
  'led@system': { readonly: false, states: ['blinking', 'off', 'on'] },
}
/** Virtual media, and what Redfish calls them. */
const MEDIA: Readonly<Record<string, readonly string[]>> = {
  cdrom: ['CD', 'DVD'],
  floppy: ['Floppy'],
  disk: ['USBStick'],
}

function setBootDevice(context: Context<Info>, args: Args): void {
  const { node, before } = context
  before()
  const device = String(args['boot_device'])
  if (!BOOT_DEVICES.includes(device)) refuse(`boot_device must be one of ${BOOT_DEVICES.join(', ')}, not ${device}`)
  const machine = fakeMachine(node.node)
  machine.bootDevice = { boot_device: device, persistent: args['persistent'] === true }
  machine.log.push(`boot device ${device}`)
  if (!isInMemory(context)) context.note('boot_device.by_hand', { wanted: device })
}

function indicatorOf(args: Args): string {
  const name = String(args['indicator'])
  return Object.hasOwn(INDICATORS, name) ? name : refuse(`there is no indicator ${name}`)
}

export const management: Implementation<Info> = {
  steps: {
    set_boot_device: step('management.set_boot_device', (_, context) => setBootDevice(context, context.args)),
    set_boot_mode: step('management.set_boot_mode', (machine, { args }) => {
      machine.bootMode =
        BOOT_MODES.find((mode) => mode === args['mode']) ?? refuse(`no boot mode ${String(args['mode'])}`)
      machine.log.push(`boot mode ${machine.bootMode}`)
      return { facts: { boot_mode: machine.bootMode } }
    }),
    set_secure_boot: step('management.set_secure_boot', (machine, { args }) => {
      machine.secureBoot = args['enabled'] === true
      machine.log.push(`secure boot ${machine.secureBoot ? 'on' : 'off'}`)
      return { facts: { secure_boot: machine.secureBoot } }
    }),
  },
  methods: {
    get_boot_device: look((machine) => machine.bootDevice),
    set_boot_device: async (context, args) => setBootDevice(context, args),
    get_supported_boot_devices: async () => ({ supported_boot_devices: BOOT_DEVICES }),
    get_supported_boot_modes: async () => ({ supported_boot_modes: BOOT_MODES }),
    get_boot_mode: look((machine) => machine.bootMode),
    get_secure_boot_state: look((machine) => machine.secureBoot),
    inject_nmi: method((machine) => void machine.log.push('nmi')),
    get_supported_indicators: look((machine) =>
      Object.entries(INDICATORS).map(([name, facts]) => ({ name, ...facts, state: machine.indicators.get(name) })),
    ),
    get_indicator_state: look((machine, args) => machine.indicators.get(indicatorOf(args))),
    set_indicator_state: method((machine, args) => {
      const [name, state] = [indicatorOf(args), String(args['state'])]
      const { readonly, states } = INDICATORS[name]!
      if (readonly || !states.includes(state)) refuse(`the indicator ${name} cannot be set to ${state}`)
      machine.indicators.set(name, state)
      machine.log.push(`indicator ${name} ${state}`)
    }),
    get_virtual_media: look((machine) =>
      [...machine.media].map(([device_type, image]) => ({
        device_type,
        image_url: image,
        image,
        media_types: MEDIA[device_type],
        inserted: true,
      })),
    ),
    attach_virtual_media: method((machine, args) => {
      const [device, url] = [String(args['device_type']), String(args['image_url'])]
      if (!Object.hasOwn(MEDIA, device)) refuse(`there is no virtual ${device}`)
      machine.media.set(device, url)
      machine.log.push(`virtual media ${device} in`)
    }),
    detach_virtual_media: method((machine, args) => {
      const wanted = (args['device_types'] as string[] | undefined) ?? [...machine.media.keys()]
      for (const device of wanted) if (machine.media.delete(device)) machine.log.push(`virtual media ${device} out`)
    }),
    get_sensors_data: look((machine) => ({
      Temperature: {
        'Inlet Temp': { 'Sensor Reading': machine.power === 'power on' ? '24 degrees C' : '20 degrees C' },
      },
    })),
  },
}

export const boot: Implementation<Info> = {
  volumeTypes: [ISCSI],
  validateInstance: ({ driverInfo }, instanceInfo) => void instanceBootOf(instanceInfo, driverInfo),
  validateInstaller: (instanceInfo) => void installerInfoOf(instanceInfo),
  steps: {
    prepare_installer: step('boot.prepare_installer', (machine, { task }) => {
      const { kernel } = installerInfoOf((task.context['instance_info'] ?? {}) as Record<string, unknown>)
      machine.log.push(`installer ${kernel.url}`)
    }),
    prepare_ramdisk: step('boot.prepare_ramdisk', () => {}),
    clean_up_ramdisk: step('boot.clean_up_ramdisk', () => {}),
    prepare_instance: step('boot.prepare_instance', (machine, { task, node }) => {
      const { kernel, [BOOT_VOLUME]: volume } = (task.context['instance_info'] ?? {}) as Record<string, string>
      const target = node.volumes?.targets.find(({ uuid }) => uuid === volume)
      const booted = volume === undefined ? kernel : target && `volume ${target.volumeId}`
      machine.log.push(`instance ${booted ?? refuse('there is neither a kernel nor a volume')}`)
    }),
    clean_up_instance: step('boot.clean_up_instance', () => {}),
  },
}

export const deploy: Implementation<Info> = {
  /** The agent that an earlier task has left is there while its machine is on. */
  async resume({ node, task, keep }) {
    if (task.context['fast_track'] !== true) return undefined
    if (fakeMachine(node.node).power === 'power off') return BOOT_AGAIN
    await keep({ fast_track: null })
    return undefined
  },
  offers: {
    erase_devices_metadata: { clean: 99, abortable: true },
    erase_devices: { clean: 0, service: 0, abortable: true },
    erase_devices_express: { clean: 0, abortable: true },
    erase_pstore: { clean: 0, abortable: true },
    burnin_cpu: { clean: 0, service: 0, deploy: 0 },
  },
  steps: {
    wait_agent: step('deploy.wait_agent', () => ({ context: { agent_url: 'https://fake.invalid:9999' } })),
    write_image: step('deploy.write_image', (machine, { task, note }) => {
      const instance = task.context['instance_info'] as { image_source?: string } | undefined
      machine.disk = instance?.image_source ?? 'an image'
      machine.log.push(`image ${machine.disk}`)
      note('write_image', { percent: 100 })
    }),
    wait_installer: step('deploy.wait_installer', (machine, { task, note }) => {
      const instance = task.context['instance_info'] as { image_source?: string } | undefined
      note('installer.start', { message: 'the installer has begun' })
      machine.disk = instance?.image_source ?? 'a system'
      machine.log.push(`installed ${machine.disk}`)
      note('installer.end', { message: 'the instance is installed' })
    }),
    write_configdrive: step('deploy.write_configdrive', (machine, { task }) => {
      const instance = task.context['instance_info'] as { configdrive?: unknown } | undefined
      if (instance?.configdrive !== undefined) machine.log.push('config drive')
    }),
    prepare_instance_boot: step('deploy.prepare_instance_boot', (_, context) => {
      setBootDevice(context, { boot_device: 'disk', persistent: true })
    }),
    execute_bootc_install: step('deploy.execute_bootc_install', (machine, { task }) => {
      const instance = task.context['instance_info'] as { image_source?: string } | undefined
      machine.disk = instance?.image_source ?? 'a container'
      machine.log.push(`container ${machine.disk}`)
    }),
    set_boot_to_disk: step('deploy.set_boot_to_disk', (_, context) => {
      setBootDevice(context, { boot_device: 'disk', persistent: true })
    }),
    tear_down_agent: step('deploy.tear_down_agent', () => ({ context: { agent_url: null } })),
    erase_devices_metadata: step('deploy.erase_devices_metadata', (machine) => {
      delete machine.disk
      machine.log.push('metadata erased')
    }),
    erase_devices: step('deploy.erase_devices', (machine) => {
      delete machine.disk
      machine.log.push('disks erased')
    }),
    erase_devices_express: step('deploy.erase_devices_express', (machine) => {
      delete machine.disk
      machine.log.push('disks erased quickly')
    }),
    erase_pstore: step('deploy.erase_pstore', (machine) => void machine.log.push('pstore erased')),
    burnin_cpu: step('deploy.burnin_cpu', (machine) => void machine.log.push('cpu burnt in')),
  },
}
