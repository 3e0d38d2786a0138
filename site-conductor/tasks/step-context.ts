// What a step of a running task gets (driver.ts): the node as it is granted now, its secrets opened, the task's context as it is at any moment.
import type { Step } from '../../shared/protocol.ts'
import type { Authority } from './authority.ts'
import { type Driver, type Fence, implementationOf, type StepContext } from '../driver.ts'
import { openDriverInfo } from '../driver-info.ts'
import type { Task } from './journal.ts'
import type { Log } from '../log.ts'
import type { RunOptions } from './runner.ts'

export interface Running extends Pick<RunOptions, 'env' | 'site' | 'note'> {
  readonly log: Log
  readonly driver: Driver
  readonly task: Task
  /** Index of the step. */
  readonly at: number
  readonly authority: Authority
  /** task.context with everything that steps added since. */
  readonly context: () => Readonly<Record<string, unknown>>
  readonly keep: StepContext['keep']
  readonly limitFromNow: () => void
  readonly fencesLeft: number
}

export async function stepContext(
  running: Running,
  step: Step,
  signal: AbortSignal,
  fence: Fence | undefined,
): Promise<StepContext> {
  const { env, site, note, log, driver, task, at, authority, context, keep, limitFromNow, fencesLeft } = running
  const node = authority.hold.grant
  return {
    node,
    driverInfo: await openDriverInfo(driver, node, site),
    before: authority.before,
    signal,
    note: (stage, body = {}) => note(node.node, task.id, stage, body),
    env,
    log,
    site,
    other: (kind) => implementationOf(driver, node, kind),
    task: {
      id: task.id,
      kind: task.kind,
      at,
      get epoch() {
        return authority.epoch
      },
      get context() {
        return context()
      },
    },
    args: step.args,
    fence,
    fencesLeft,
    limitFromNow,
    keep,
  }
}
