// What the deploy ramdisk's agent would ask Ironic. At a Ferrule it asks its conductor; here no node is ever being booted, and the answer is
// Ironic's for such a node: MAC addresses and UUIDs give nothing away (CVE-2016-4985).
import { FaultError } from '../../shared/faults.ts'
import type { Route } from './call.ts'

function nobody(): never {
  throw new FaultError('not_found', 'No node is being booted from here.', {
    hint: "agents talk to their site's conductor",
  })
}

export const agentRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/lookup',
    since: 22,
    about: 'Agents ask their conductor, not the cloud: always 404',
    open: true,
    run: nobody,
  },
  {
    method: 'POST',
    path: '/v1/heartbeat/:ident',
    since: 22,
    about: 'Agents call their conductor, not the cloud: always 404',
    open: true,
    run: nobody,
  },
  {
    method: 'POST',
    path: '/v1/continue_inspection',
    about: 'Agents call their conductor, not the cloud: always 404',
    open: true,
    run: nobody,
  },
]
