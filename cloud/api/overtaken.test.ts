// A change that another overtakes between its reading and its writing, which only a store that the test holds shows for sure.
import { expect, it } from 'vitest'
import { startTestSite } from '../hosts/node/test-host.ts'

it('a change that another overtakes is made on top of it, and told once', async () => {
  const site = await startTestSite()
  const { uuid } = (await site.api('POST', '/v1/chassis', {})).body
  const sql = site.host.store.organisation(site.enrolled.organisation)
  const batch = sql.batch.bind(sql)
  let overtaken = 0
  sql.batch = async (statements) => {
    if (overtaken++ === 0)
      await batch([{ sql: `UPDATE chassis SET extra = '{"other":1}' WHERE uuid = ?`, args: [uuid] }])
    return batch(statements)
  }
  const change = [{ op: 'add', path: '/extra/mine', value: 1 }]
  const { status, body } = await site.api('PATCH', `/v1/chassis/${uuid}`, change)
  sql.batch = batch
  expect([status, body.extra, overtaken]).toEqual([200, { other: 1, mine: 1 }, 2])
  const { audit } = (await site.api('GET', `/v1/audit?target=${uuid}&action=chassis.updated`)).body
  expect(audit).toHaveLength(1)
  await site.stop()
})
