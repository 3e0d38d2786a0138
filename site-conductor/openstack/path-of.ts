// Paths of resources whose ids somebody else has named: an operator, in a volume target or a VIF.
import { OpenStackError } from './errors.ts'

/** `/volumes/ID`. An id that no service gives leads nowhere, `..` least of all: it is answered as one that is not there, without asking. */
export function pathOf(collection: string, id: string): string {
  if (/^[\w-]{1,255}$/.test(id)) return `/${collection}/${id}`
  throw new OpenStackError('openstack.refused', `${JSON.stringify(id.slice(0, 64))} is no id of ${collection}`, {
    status: 404,
  })
}
