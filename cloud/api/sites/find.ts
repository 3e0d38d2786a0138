// Which site a request means: by UUID or name, or the only sensible one when it says nothing.
import { FaultError } from '../../../shared/faults.ts'
import type { Sql } from '../../ports.ts'
import { sites } from '../../schema/organisation.ts'
import { select, type SiteRow } from '../../schema/rows.ts'

/** Throws 404. */
export async function findSite(sql: Sql, ident: string): Promise<SiteRow> {
  const [site] = await select(sql, sites, 'id = ? OR name = ?', [ident.toLowerCase(), ident.toLowerCase()])
  if (!site) throw new FaultError('not_found', `Site ${ident} could not be found.`)
  return site
}

/** The site of a new node: its conductor group, else the one called `default`, else the only one. Throws 400. */
export async function siteForNode(sql: Sql, group: string | undefined): Promise<string> {
  const [named] = await sql.all('SELECT id FROM sites WHERE name = ? LIMIT 1', [group || 'default'])
  if (named) return String(named[0])
  const all = await sql.all('SELECT id, name FROM sites ORDER BY name')
  if (!group && all.length === 1) return String(all[0]![0])
  const known = all.map(([, name]) => name).join(', ')
  throw new FaultError(
    'request.invalid',
    group ? `There is no site called ${group}.` : 'conductor_group must name the site.',
    {
      hint: known ? `sites: ${known}` : 'make a site first: POST /v1/sites',
    },
  )
}
