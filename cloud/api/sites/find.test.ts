import { afterAll, beforeAll, expect, it } from 'vitest'
import { startTestSite, type TestSite } from '../../hosts/node/test-host.ts'
import type { Row, Sql } from '../../ports.ts'
import { siteForNode } from './find.ts'

let site: TestSite
let real: Sql
beforeAll(async () => {
  site = await startTestSite()
  real = site.host.cloud.ports.store.organisation(site.enrolled.organisation)
})
afterAll(() => site.stop())

it('finds the site of a new node among a hundred by reading one', async () => {
  await real.batch(
    Array.from({ length: 100 }, (_, i) => ({
      sql: "INSERT INTO sites (id, name, created_at) VALUES (?, ?, '2026-01-01T00:00:00.000+00:00')",
      args: [`id-${i}`, `site-${i}`],
    })),
  )
  const read: Row[] = []
  const counting: Sql = {
    async all(sql, args) {
      const rows = await real.all(sql, args)
      read.push(...rows)
      return rows
    },
    batch: (statements) => real.batch(statements),
  }
  expect(await siteForNode(counting, 'site-70')).toBe('id-70')
  const [standard] = await real.all("SELECT id FROM sites WHERE name = 'default'")
  expect(await siteForNode(counting, undefined)).toBe(standard![0])
  expect(await siteForNode(counting, '')).toBe(standard![0])
  expect(read.length).toBe(3)
})
