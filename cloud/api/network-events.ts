// POST /v1/events (1.54): what networking tells about ports. As with Ironic it is checked and logged; nothing follows from it.
import { z } from 'zod'
import { readBody } from './body.ts'
import { empty, type Answer, type Call, type Route } from './call.ts'
import { readQuery } from './query.ts'
import { chars, Mac, Uuid } from './shapes.ts'

const EventsBody = z.strictObject({
  events: z
    .array(
      z.strictObject({
        event: z.enum(['network.bind_port', 'network.unbind_port', 'network.delete_port']),
        port_id: Uuid,
        mac_address: Mac,
        status: chars(64),
        device_id: Uuid.optional(),
        'binding:host_id': chars(255).optional(),
        'binding:vnic_type': chars(64).optional(),
      }),
    )
    .min(1)
    .max(1000),
})

async function take(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const { events } = await readBody(call.request, EventsBody)
  for (const { event, port_id, status } of events)
    call.ports.log('info', 'network.event', { event, port: port_id, status, request: call.requestId })
  return empty(204)
}

export const networkEventRoutes: readonly Route[] = [
  {
    method: 'POST',
    ok: 204,
    path: '/v1/events',
    since: 54,
    about: 'Takes events of the network service',
    body: EventsBody,
    run: take,
  },
]
