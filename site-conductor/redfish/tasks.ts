// Work that a BMC accepts with 202 and does afterwards: its task monitor is asked until it has ended (DSP0266 §12.2, DSP2046 Task).
import { z } from 'zod'
import { memberPaths } from './collection.ts'
import { pause } from './env.ts'
import { RedfishError } from './errors.ts'
import { line, Message, parseJson, sayings, shaped } from './json.ts'
import { accepted, type Reading, retryAfterMs } from './requests.ts'
import { Link, type Session } from './session.ts'
import type { Answer } from './wire.ts'

const POLL_MS = 2_000

const Task = z.object({
  '@odata.id': z.string().nullish(),
  TaskMonitor: z.string().nullish(),
  TaskState: z.string().nullish(),
  TaskStatus: z.string().nullish(),
  PercentComplete: z.number().nullish(),
  Messages: z.array(Message).nullish().catch(null),
})

const WAITS_FOR_START = ['Pending']
const ENDED = ['Completed']
const FAILED = ['Exception', 'Killed', 'Cancelled', 'Interrupted']

export interface Waiting extends Reading {
  readonly timeoutMs: number
  /** Asked with each state that is not the last. */
  readonly onProgress?: (percent: number | undefined) => void
}

const TaskService = z.object({ Tasks: Link.nullish() })
/** Of those that are there and of those that end themselves meanwhile. */
const MOST_TASKS = 200

/** Those that the BMC lists, the last ones where there are very many; none where it keeps no list. */
export async function taskPaths(session: Session, options: Reading): Promise<string[]> {
  const { Tasks: service } = await session.root(options)
  if (!service) return []
  const { Tasks: list } = (await session.get(session.path(service['@odata.id']), TaskService, options)).value
  return list ? (await memberPaths(session, list['@odata.id'], options)).slice(-MOST_TASKS) : []
}

/** Where to ask about an answer's work; undefined: it is done. */
export function monitorOf(session: Session, { status, headers, body }: Answer): string | undefined {
  if (status !== 202) return undefined
  if (headers.location !== undefined) return session.path(headers.location)
  const task = body.length === 0 ? undefined : Task.safeParse(parseJson(body)).data
  const named = task?.TaskMonitor ?? task?.['@odata.id']
  return named ? session.path(named) : undefined
}

/**
 * 'done', or 'waits' for work that begins only when the machine starts. Throws 'refused' when it has failed, 'busy' when it has not ended in time. A
 * monitor that is gone is that of work which has ended: the caller looks what came of it.
 */
export async function settle(
  session: Session,
  monitor: string | undefined,
  options: Waiting,
): Promise<'done' | 'waits'> {
  if (monitor === undefined) return 'done'
  const { env } = session.wire
  const until = env.mono() + options.timeoutMs
  for (let looks = 0; ; looks++) {
    const answer = await session.send({ method: 'GET', path: monitor, signal: options.signal })
    if (answer.status === 404 || answer.status === 410) return 'done'
    accepted(monitor, answer, 'session-lost')
    const task = answer.body.length === 0 ? {} : shaped(Task, parseJson(answer.body), monitor)
    const state = 'TaskState' in task ? (task.TaskState ?? '') : ''
    if (FAILED.includes(state)) throw failure(state, 'Messages' in task ? (task.Messages ?? []) : [])
    if (ENDED.includes(state) || (answer.status !== 202 && state === '')) return 'done'
    // Twice, for what is about to begin is pending as well.
    if (WAITS_FOR_START.includes(state) && looks >= 1) return 'waits'
    options.onProgress?.(('PercentComplete' in task ? task.PercentComplete : undefined) ?? undefined)
    const pauseMs = retryAfterMs(answer) ?? POLL_MS
    if (env.mono() + pauseMs > until) throw new RedfishError('busy', `${line(monitor)} has not ended in time`)
    await pause(env, pauseMs, options.signal).catch(() => {
      throw new RedfishError('aborted', 'the caller has given up')
    })
  }
}

function failure(state: string, messages: readonly z.output<typeof Message>[]): RedfishError {
  const { text, messageIds } = sayings(messages)
  return new RedfishError('refused', `the BMC's work ended as ${state}${text === '' ? '' : `: ${text}`}`, {
    messageIds,
  })
}
