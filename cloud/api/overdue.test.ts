// When a node or a task is overdue, by a clock that the test sets.
import { expect, it } from 'vitest'
import { systemEnv } from '../../shared/env.ts'
import { startTestHost } from '../hosts/node/test-host.ts'
import { ask } from '../hosts/test-conductor.ts'
import { nodes, tasks } from '../schema/organisation.ts'
import { insert } from '../schema/rows.ts'

it('what is overdue is so by the clock of the host, not by that of the database', async () => {
  const now = Date.parse('2031-05-01T00:00:00Z')
  const host = await startTestHost({ env: { ...systemEnv, now: () => now } })
  const { store } = host
  const data = store.organisation(String((await store.directory.all('SELECT id FROM organisations'))[0]![0]))
  const place = String((await data.all('SELECT id FROM sites'))[0]![0])
  const uuid = '0195a0a0-0000-7000-8000-000000000001'
  const at = '2031-04-30T23:59:30.000+00:00'
  await data.batch([
    insert(nodes, {
      uuid,
      site: place,
      driver: 'x',
      provision_state: 'verifying',
      created_at: at,
      provision_updated_at: at,
      interfaces: {},
      secrets: {},
    }),
    insert(tasks, {
      id: uuid,
      site: place,
      node: uuid,
      nseq: 1,
      kind: 'verify',
      state: 'open',
      steps: [],
      context: {},
      deadline_ms: now + 600_000,
      created_at: at,
    }),
  ])
  const seen = async () => [
    (await ask(host, 'GET', `/v1/nodes/${uuid}?fields=overdue`)).body.overdue,
    (await ask(host, 'GET', `/v1/tasks/${uuid}?fields=overdue`)).body.overdue,
  ]
  expect(await seen()).toEqual([false, false])
  await data.batch([
    { sql: "UPDATE nodes SET provision_updated_at = '2031-04-30T23:58:00.000+00:00'", args: [] },
    { sql: "UPDATE tasks SET created_at = '2031-04-30T00:00:00.000+00:00'", args: [] },
  ])
  expect(await seen()).toEqual([true, true])
  await host.stop()
})
