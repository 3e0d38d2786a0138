// Firmware by Redfish: components as the BMC's inventory has them, Ironic's names `bios` and `bmc` for those two, and updates that the BMC fetches itself.
import { FaultError } from '../../../shared/faults.ts'
import type { Implementation, StepContext, StepResult } from '../../driver.ts'
import { settle } from '../../redfish/tasks.ts'
import { type Firmware, getFirmware } from '../../redfish/update.ts'
import { mutate, read, type RedfishContext } from './bmc.ts'
import { fitting, ROOM } from '../fitting.ts'
import type { RedfishInfo } from './info.ts'
import { until } from './poll.ts'
import { tellUpdate } from './updates.ts'

const UPDATE_TIMEOUT_MS = 50 * 60_000
const BACK_TIMEOUT_MS = 30 * 60_000

/** Key of task.context: component → its version before the update. A component is told of an update once. */
const TOLD = 'redfish_firmware'
/** The same of all that are to be updated, before the first of them is. */
const BEFORE = 'redfish_firmware_before'

interface Setting {
  readonly component: string
  readonly url: string
}

type Told = Readonly<Record<string, string>>

/** The first that sounds like it, for inventories name them as they like. */
function named(all: readonly Firmware[]): Map<string, Firmware> {
  const bios = all.find(({ id, name }) => /\b(bios|uefi)\b|system rom/i.test(`${id} ${name}`))
  const bmc = all.find((each) => each !== bios && /\b(bmc|idrac|ilo|xcc|manager)\b/i.test(`${each.id} ${each.name}`))
  return new Map(all.map((each) => [each === bios ? 'bios' : each === bmc ? 'bmc' : each.id, each]))
}

const componentsOf = (context: RedfishContext) =>
  read(context, async (session, options) => named(await getFirmware(session, options)))

export async function firmwareFacts(context: RedfishContext, before: Told = {}): Promise<Record<string, unknown>> {
  const all = [...(await componentsOf(context))].map(([component, { version, vendor, name }]) => ({
    component,
    initial_version: before[component] ?? version,
    current_version: version,
    ...(before[component] !== undefined && { last_version_flashed: version }),
    ...(vendor !== undefined && { vendor }),
    model: name,
  }))
  return { firmware_components: fitting(all, ROOM.firmware).list }
}

function settingsOf({ args }: StepContext<RedfishInfo>): Setting[] {
  const list = args['settings']
  const isSetting = (each: unknown) => {
    const { component, url } = (each ?? {}) as Partial<Setting>
    return typeof component === 'string' && typeof url === 'string' && /^https?:\/\//.test(url) && URL.canParse(url)
  }
  if (!Array.isArray(list) || list.length === 0 || !list.every(isSetting))
    throw new FaultError('request.invalid', 'settings must be a list of {component, url} with http or https URLs')
  return list as Setting[]
}

async function update(context: StepContext<RedfishInfo>): Promise<void> {
  const settings = settingsOf(context)
  const components = await componentsOf(context)
  for (const { component } of settings) {
    const found = components.get(component)
    if (found === undefined)
      throw new FaultError(
        'request.invalid',
        `there is no component ${component}, only ${[...components.keys()].join(', ')}`,
      )
    if (!found.isUpdateable) throw new FaultError('request.invalid', `the component ${component} cannot be updated`)
  }
  const before = (context.task.context[BEFORE] ??
    Object.fromEntries(settings.map(({ component }) => [component, components.get(component)!.version]))) as Told
  await context.keep({ [BEFORE]: before })
  for (const { component, url } of settings) {
    const told = (context.task.context[TOLD] ?? {}) as Told
    if (told[component] !== undefined) continue
    const { path } = components.get(component)!
    const version = before[component]!
    const monitor = await tellUpdate(context, { url, targets: [path] }, () => ({
      [TOLD]: { ...told, [component]: version },
    }))
    context.note('firmware.told', { component, version })
    await mutate(context, (session) =>
      settle(session, monitor, { signal: context.signal, timeoutMs: UPDATE_TIMEOUT_MS }),
    )
  }
}

/** The BMC may be away, as it is when it has updated itself. */
async function checkUpdate(context: StepContext<RedfishInfo>): Promise<StepResult> {
  const told = (context.task.context[TOLD] ?? {}) as Told
  let same: string[] = []
  const look = async () => {
    const now = await componentsOf(context)
    same = Object.entries(told)
      .filter(([component, version]) => (now.get(component)?.version ?? version) === version)
      .map(([component]) => component)
    return same.length === 0 ? true : undefined
  }
  await until(
    context,
    BACK_TIMEOUT_MS,
    look,
    () => `these components still have the version of before: ${same.join(', ')}`,
  )
  return { facts: await firmwareFacts(context, told), context: { [TOLD]: null, [BEFORE]: null } }
}

export const redfishFirmware: Implementation<RedfishInfo> = {
  offers: {
    update: {
      clean: 0,
      deploy: 0,
      service: 0,
      ramdisk: false,
      restart: 'check_update',
      args: { settings: { description: 'What to flash: a list of {component, url}', required: true } },
    },
  },
  steps: { update, check_update: checkUpdate },
}
