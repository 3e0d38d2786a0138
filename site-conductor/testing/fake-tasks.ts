// Tasks of one conductor with a slow driver on a fake clock and disk, for tests without a link.
import { z } from 'zod'
import type { FromConductor } from '../../shared/protocol.ts'
import { newSiteKey } from '../../shared/sealing.ts'
import { Agents } from '../agents/agents.ts'
import { defineDriver, type StepContext } from '../driver.ts'
import { FakeDisk } from './fake-disk.ts'
import { FakeEnv } from './fake-env.ts'
import { fakeGrant } from './fake-hub.ts'
import { Grants } from '../link/grants.ts'
import { Journal, type Task } from '../tasks/journal.ts'
import { silent } from '../log.ts'
import { resources, sealing } from '../site.ts'
import { moment } from '../link/span.ts'
import { Tasks } from '../tasks/tasks.ts'

const steps = [
  { interface: 'power', step: 'one', args: {} },
  { interface: 'power', step: 'two', args: {} },
]
/** Two steps, at node `n`. */
export const task = (more: Partial<Task> = {}): Task => ({
  type: 'task',
  id: 't',
  node: 'n',
  epoch: 1,
  nseq: 1,
  kind: 'test',
  steps,
  context: {},
  doneSteps: 0,
  lastEvent: 0,
  deadline: 0,
  ...more,
})

/**
 * The node `n` is granted under epoch 1. Step `two` waits for `gate`; `one` ends at once, or does what it is told to.
 */
export async function fakeTasks({
  ahead = async () => {},
  one = async () => {},
}: { ahead?: () => Promise<void>; one?: (context: StepContext) => Promise<void> } = {}) {
  const env = new FakeEnv()
  const disk = new FakeDisk()
  const journal = await Journal.open(disk)
  const grants = new Grants(env)
  grants.startLease({ from: moment(env), ms: 15_000 })
  grants.add(fakeGrant('n', { driver: 'slow' }))
  const sent: FromConductor[] = []
  const happened: string[] = []
  const gate = Promise.withResolvers<void>()
  const driver = defineDriver({
    name: 'slow',
    about: 'a test',
    info: z.looseObject({}),
    secrets: [],
    interfaces: {
      power: {
        only: {
          steps: {
            one: async (context) => {
              happened.push(`one ${context.task.epoch}`)
              await one(context)
            },
            two: async ({ task: { epoch } }) => {
              happened.push(`two ${epoch}`)
              await gate.promise
            },
          },
          resume: async ({ task: { epoch } }) => void happened.push(`resume ${epoch}`),
          release: () => void happened.push('release'),
        },
      },
      management: {},
    },
  })
  const broken: unknown[] = []
  const tasks = new Tasks({
    env,
    log: silent,
    grants,
    journal,
    drivers: new Map([['slow', driver]]),
    site: {
      id: 's',
      organisation: 'o',
      ...sealing('o', 's', await newSiteKey()),
      blob: () => Promise.reject(new Error('no blobs')),
      agents: new Agents(),
      resource: resources().resource,
    },
    send: (message) => void sent.push(message),
    note: () => {},
    told: () => {},
    ahead,
    ended: () => {},
    broken: (error) => void broken.push(error),
  })
  const rid = () => sent.flatMap((message) => (message.type === 'intent' ? [message.rid] : [])).at(-1)
  const asked = (count: number) => until(() => sent.filter(({ type }) => type === 'intent').length === count)
  return { env, disk, journal, grants, sent, happened, gate, tasks, broken, rid, asked }
}

export async function until(probe: () => boolean): Promise<void> {
  while (!probe()) await new Promise((resolve) => setImmediate(resolve))
}
