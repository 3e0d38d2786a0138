// Firmware images that the BMC fetches and finds the component for by itself (Ironic's management.update_firmware): one after another, then a start of the
// machine. Who knows the component asks for firmware.update, which looks whether it has another version afterwards.
import type { StepContext, StepResult } from '../../driver.ts'
import { checkedArguments } from '../checked-arguments.ts'
import { settle } from '../../redfish/tasks.ts'
import { getFirmware } from '../../redfish/update.ts'
import { sleep } from '../../timing.ts'
import { mutate, read } from './bmc.ts'
import { firmwareFacts } from './firmware.ts'
import type { RedfishInfo } from './info.ts'
import { until } from './poll.ts'
import { tellUpdate } from './updates.ts'

const UPDATE_TIMEOUT_MS = 50 * 60_000
const BACK_TIMEOUT_MS = 30 * 60_000

/** Key of task.context: how many images the BMC was told of, where the work on the last one is to be asked for, and the versions of before. */
const TOLD = 'redfish_firmware_images'

interface Told {
  readonly images: number
  readonly monitor?: string | undefined
  readonly before: Readonly<Record<string, string>>
}

interface Image {
  readonly url: string
  /** Seconds. */
  readonly wait?: number
}

const toldIn = ({ task }: StepContext<RedfishInfo>) => task.context[TOLD] as Told | undefined

async function versions(context: StepContext<RedfishInfo>): Promise<Record<string, string>> {
  const all = await read(context, (session, options) => getFirmware(session, options))
  return Object.fromEntries(all.map(({ id, version }) => [id, version]))
}

export async function updateFirmware(context: StepContext<RedfishInfo>): Promise<void> {
  const { firmware_images: images } = checkedArguments<{ firmware_images: readonly Image[] }>(
    context,
    'management.update_firmware',
  )
  let told = toldIn(context) ?? { images: 0, before: await versions(context) }
  const settled = async () => {
    const { monitor } = told
    if (monitor === undefined) return
    await mutate(context, (session) =>
      settle(session, monitor, { signal: context.signal, timeoutMs: UPDATE_TIMEOUT_MS }),
    )
    told = { images: told.images, before: told.before }
    await context.keep({ [TOLD]: told })
  }
  // What an earlier run of this step has begun.
  await context.keep({ [TOLD]: told })
  await settled()
  for (const { url, wait = 0 } of images.slice(told.images)) {
    context.limitFromNow()
    await tellUpdate(context, { url, targets: [] }, (monitor) => {
      told = { images: told.images + 1, monitor, before: told.before }
      return { [TOLD]: told }
    })
    context.note('firmware.told', { image: told.images, of: images.length })
    await settled()
    await sleep(context.env, wait * 1000, context.signal)
  }
}

/** The BMC may be away, as it is when it has updated itself. */
export async function checkFirmwareUpdate(context: StepContext<RedfishInfo>): Promise<StepResult> {
  const { before = {} } = toldIn(context) ?? {}
  const now = await until(
    context,
    BACK_TIMEOUT_MS,
    () => versions(context),
    () => 'the BMC does not come back',
  )
  const changed = Object.entries(now).filter(([id, version]) => before[id] !== undefined && before[id] !== version)
  context.note(
    'firmware.changed',
    Object.fromEntries(changed.map(([id, version]) => [id, `${before[id]} → ${version}`])),
  )
  return { facts: await firmwareFacts(context), context: { [TOLD]: null } }
}
