// An update that a BMC fetches by itself is told to it once: flashing twice at the same time, or again after a start, is what nobody wants. That it is about to be told is on record
// before it is, with the tasks that the BMC has until then, so that whoever goes on finds the one that came of it.
import { FaultError } from '../../../shared/faults.ts'
import type { StepContext } from '../../driver.ts'
import { RedfishError, type RedfishErrorKind } from '../../redfish/errors.ts'
import { monitorOf, taskPaths } from '../../redfish/tasks.ts'
import { simpleUpdate } from '../../redfish/update.ts'
import { mutate, read } from './bmc.ts'
import type { RedfishInfo } from './info.ts'

/** Key of task.context: paths of the tasks that there were when an update was about to be told. */
const BEGUN = 'redfish_update_begun'

/** After these the BMC may be at work all the same. */
const UNKNOWN: readonly RedfishErrorKind[] = ['unanswered', 'aborted', 'protocol', 'closed']

export interface Update {
  readonly url: string
  /** Paths of what it is for; empty: the BMC finds that out. */
  readonly targets: readonly string[]
}

/**
 * Answers where the work is to be asked for; undefined: it is done. `record`: what is to be kept in task.context when the BMC has been told, in one with that. Throws a fault where an
 * earlier run may have told it and the BMC does not show that.
 */
export async function tellUpdate(
  context: StepContext<RedfishInfo>,
  update: Update,
  record: (monitor: string | undefined) => Readonly<Record<string, unknown>>,
): Promise<string | undefined> {
  const tasks = () => read(context, (session, options) => taskPaths(session, options))
  const keep = async (monitor: string | undefined) => {
    await context.keep({ ...record(monitor), [BEGUN]: null })
    return monitor
  }
  const begun = context.task.context[BEGUN] as readonly string[] | undefined
  if (begun !== undefined) {
    const found = (await tasks()).find((path) => !begun.includes(path))
    if (found === undefined) throw unknown(update)
    return await keep(found)
  }
  await context.keep({ [BEGUN]: await tasks() })
  return await mutate(context, async (session, options) => {
    try {
      const answer = await simpleUpdate(session, update, options)
      return await keep(monitorOf(session, answer))
    } catch (error) {
      if (isRefusal(error)) await context.keep({ [BEGUN]: null })
      throw error
    }
  })
}

function isRefusal(error: unknown): boolean {
  if (!(error instanceof RedfishError) || UNKNOWN.includes(error.kind)) return false
  return error.kind === 'busy' || (error.status ?? 0) < 500
}

function unknown({ url }: Update): FaultError {
  const { origin, pathname } = new URL(url)
  return new FaultError('bmc.refused', `it is not known whether the BMC was told of ${origin}${pathname}`, {
    hint: 'the conductor ended while it told the BMC, which shows no task that came of it: compare the versions of the firmware, then order the step again for what is missing',
  })
}
