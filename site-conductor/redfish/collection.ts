// Members of a collection (DSP0266 §7.6), page by page, each read by itself. Bounded in pages and members, and a page is read once.
import { z } from 'zod'
import { RedfishError } from './errors.ts'
import type { Reading, Resource } from './requests.ts'
import { Link, type Session } from './session.ts'

const MAX_PAGES = 50
const MAX_MEMBERS = 500

const Page = z.object({ Members: z.array(Link), 'Members@odata.nextLink': z.string().nullish() })

/** Paths of the members. Throws 'protocol' for a collection without an end. */
export async function memberPaths(session: Session, reference: string, options: Reading): Promise<string[]> {
  const paths = new Set<string>()
  const seen = new Set<string>()
  for (let next: string | null | undefined = reference; next;) {
    const path = session.path(next)
    if (seen.has(path) || seen.size === MAX_PAGES) throw new RedfishError('protocol', `${reference} does not end`)
    seen.add(path)
    const { value } = await session.get(path, Page, options)
    for (const member of value.Members) paths.add(session.path(member['@odata.id']))
    if (paths.size > MAX_MEMBERS)
      throw new RedfishError('protocol', `${reference} has more than ${MAX_MEMBERS} members`)
    next = value['Members@odata.nextLink']
  }
  return [...paths]
}

/** The members themselves, one after another: BMCs are small. */
export async function members<Schema extends z.ZodType>(
  session: Session,
  reference: string,
  schema: Schema,
  options: Reading,
): Promise<Resource<z.output<Schema>>[]> {
  const found: Resource<z.output<Schema>>[] = []
  for (const path of await memberPaths(session, reference, options))
    found.push(await session.get(path, schema, options))
  return found
}
