// RAID by Redfish. What it shall be like is worked out once and kept with the task; then what is too much goes, and what is missing is made. Making a
// volume is the one thing here that must not be done twice: what is there as planned is never made again.
import { FaultError } from '../../../shared/faults.ts'
import type { Implementation, StepContext, StepResult } from '../../driver.ts'
import { line } from '../../redfish/json.ts'
import type { Changing, Reading } from '../../redfish/requests.ts'
import type { Session } from '../../redfish/session.ts'
import { type Controller, createVolume, deleteVolume, getControllers } from '../../redfish/storage.ts'
import { monitorOf, settle } from '../../redfish/tasks.ts'
import type { Answer } from '../../redfish/wire.ts'
import { mutate, read, systemOf } from './bmc.ts'
import type { RedfishInfo } from './info.ts'
import { until } from './poll.ts'
import { isMadeAs, type LogicalDisk, logicalDiskOf, type PlannedVolume, planVolumes } from './raid-plan.ts'

const WORK_TIMEOUT_MS = 20 * 60_000
const IN_FORCE_TIMEOUT_MS = 30 * 60_000

type Step = StepContext<RedfishInfo>

/** Of a task, until its configuration has been seen. */
interface Plan {
  readonly volumes: readonly PlannedVolume[]
  /** Are other volumes to go? */
  readonly only: boolean
}

/** Key of task.context. */
const PLAN = 'redfish_raid'
const planOf = ({ task }: Step) => task.context[PLAN] as Plan | undefined

async function controllersOf(context: Step, session: Session, options: Reading): Promise<Controller[]> {
  return await getControllers(session, (await systemOf(context, session, options)).value, options)
}

/** The same for whoever goes on with the task. */
async function planned(
  context: Step,
  config: unknown,
  args: { only: boolean; isWanted: (disk: LogicalDisk) => boolean },
) {
  const known = planOf(context)
  if (known !== undefined) return known
  const disks = (config as { logical_disks?: unknown } | undefined)?.logical_disks
  if (!Array.isArray(disks) || disks.length === 0)
    throw new FaultError('request.invalid', 'the RAID configuration has no logical_disks')
  const controllers = await read(context, (session, options) => controllersOf(context, session, options))
  const taken = args.only ? [] : controllers.flatMap(({ volumes }) => volumes.flatMap(({ drives }) => drives))
  const volumes = planVolumes((disks as LogicalDisk[]).filter(args.isWanted), controllers, new Set(taken))
  const plan: Plan = { volumes, only: args.only }
  await context.keep({ [PLAN]: plan })
  return plan
}

async function bringAbout(context: Step, plan: Plan): Promise<void> {
  await mutate(context, async (session, options) => {
    for (const { volumes } of plan.only ? await controllersOf(context, session, options) : []) {
      for (const volume of volumes) {
        if (plan.volumes.some((wanted) => isMadeAs(volume, wanted))) continue
        const answer = await deleteVolume(session, volume, options)
        if (answer !== false) await ended(context, session, answer, options)
        context.note('raid.volume_deleted', { volume: volume.name ?? volume.id })
      }
    }
    for (const wanted of plan.volumes) {
      const controllers = await controllersOf(context, session, options)
      const controller = controllers.find(({ id }) => id === wanted.controller)
      if (controller === undefined)
        throw new FaultError('bmc.refused', `the RAID controller ${line(wanted.controller)} is there no more`)
      if (controller.volumes.some((volume) => isMadeAs(volume, wanted))) continue
      await ended(context, session, await createVolume(session, controller, wanted, options), options)
      context.note('raid.volume_made', { volume: wanted.name, raid: wanted.raidType, drives: wanted.drives.length })
    }
  })
}

async function ended(context: Step, session: Session, answer: Answer, { signal }: Changing): Promise<void> {
  const outcome = await settle(session, monitorOf(session, answer), { signal, timeoutMs: WORK_TIMEOUT_MS })
  if (outcome === 'waits') context.note('raid.waits_for_start')
}

async function checkConfiguration(context: Step): Promise<StepResult> {
  const plan = planOf(context) ?? { volumes: [], only: false }
  const all = await until(
    context,
    IN_FORCE_TIMEOUT_MS,
    async () => {
      const controllers = await read(context, (session, options) => controllersOf(context, session, options))
      const volumes = controllers.flatMap(({ id, volumes: made }) => made.map((volume) => ({ id, volume })))
      const hasAll = plan.volumes.every((wanted) => volumes.some(({ volume }) => isMadeAs(volume, wanted)))
      const hasMore = plan.only && volumes.length > plan.volumes.length
      return hasAll && !hasMore ? volumes : undefined
    },
    () => 'the machine has started, but its volumes are not as they should be',
  )
  const logical_disks = all.map(({ id, volume }) => logicalDiskOf(volume, id))
  const last_updated = new Date(context.env.now()).toISOString()
  return {
    facts: { raid_config: logical_disks.length === 0 ? {} : { logical_disks, last_updated } },
    context: { [PLAN]: null },
  }
}

const WHICH = {
  create_root_volume: { description: 'Make the root volume (true)' },
  create_nonroot_volumes: { description: 'Make the other volumes (true)' },
  delete_existing: { description: 'Remove what is there first (true)' },
}
const RAID_CONFIG = {
  raid_config: { description: 'The RAID configuration: {"logical_disks": […]}', required: true },
}
const restart = 'check_configuration'

function build(context: Step, config: unknown, deletesByDefault: boolean): Promise<void> {
  const { args } = context
  const isWanted = ({ is_root_volume: isRoot = false }: LogicalDisk) =>
    args[isRoot ? 'create_root_volume' : 'create_nonroot_volumes'] !== false
  const only = args['delete_existing'] === undefined ? deletesByDefault : args['delete_existing'] === true
  return planned(context, config, { only, isWanted }).then((plan) => bringAbout(context, plan))
}

export const redfishRaid: Implementation<RedfishInfo> = {
  offers: {
    create_configuration: { clean: 0, restart, args: WHICH },
    delete_configuration: { clean: 0, deploy: 0, service: 0, restart },
    apply_configuration: { deploy: 0, service: 0, restart, args: { ...RAID_CONFIG, ...WHICH } },
  },
  steps: {
    /** What it is to be like is on the node. */
    create_configuration: (context) => build(context, context.task.context['target_raid_config'], false),
    apply_configuration: (context) => build(context, context.args['raid_config'], true),
    async delete_configuration(context) {
      const plan = planOf(context) ?? { volumes: [], only: true }
      await context.keep({ [PLAN]: plan })
      await bringAbout(context, plan)
    },
    check_configuration: checkConfiguration,
  },
}
