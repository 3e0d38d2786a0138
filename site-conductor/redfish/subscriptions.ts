// Subscriptions to a BMC's events (DSP2046: EventService, EventDestination): it posts them to a destination.
import { z } from 'zod'
import { RedfishError } from './errors.ts'
import { parseJson, shaped } from './json.ts'
import type { Changing, Reading } from './requests.ts'
import { Link, type Session } from './session.ts'

/** Where a BMC does not say which it knows (EventType of DSP2046). */
const EVENT_TYPES = ['StatusChange', 'ResourceUpdated', 'ResourceAdded', 'ResourceRemoved', 'Alert']

const Root = z.object({ EventService: Link.nullish() })
const EventService = z.object({ Subscriptions: Link, EventTypesForSubscription: z.array(z.string()).nullish() })
const Subscription = z.looseObject({ Id: z.string() })
export type Subscription = z.output<typeof Subscription>
const Created = z.looseObject({ '@odata.id': z.string() })

interface Service {
  readonly eventTypes: readonly string[]
  /** Path of the collection. */
  readonly subscriptions: string
}

/** Throws 'missing' for a BMC without an event service. */
export async function getEventService(session: Session, options: Reading): Promise<Service> {
  const { value: root } = await session.get(session.wire.endpoint.root, Root, options)
  if (!root.EventService) throw new RedfishError('missing', 'the BMC has no EventService')
  const { value } = await session.get(session.path(root.EventService['@odata.id']), EventService, options)
  const subscriptions = session.path(value.Subscriptions['@odata.id']).replace(/\/$/, '')
  return { eventTypes: value.EventTypesForSubscription ?? EVENT_TYPES, subscriptions }
}

/** The collection, as the BMC has it. */
export async function getSubscriptions(session: Session, options: Reading): Promise<Record<string, unknown>> {
  const { subscriptions } = await getEventService(session, options)
  return (await session.get(subscriptions, z.looseObject({}), options)).value
}

/** Throws 'missing' where there is none with this id. */
export async function getSubscription(session: Session, id: string, options: Reading): Promise<Subscription> {
  const { subscriptions } = await getEventService(session, options)
  return (await session.get(`${subscriptions}/${encodeURIComponent(id)}`, Subscription, options)).value
}

/** Answers the new one, as it is at the BMC. */
export async function createSubscription(session: Session, body: object, options: Changing): Promise<Subscription> {
  const { subscriptions } = await getEventService(session, options)
  const answer = await session.post(subscriptions, body, options)
  // In the header or in the body (DSP0266 §7.9).
  const { location } = answer.headers
  const reference = location ?? shaped(Created, parseJson(answer.body), subscriptions)['@odata.id']
  return (await session.get(session.path(reference), Subscription, options)).value
}

/** False: there is none with this id (any more). */
export async function deleteSubscription(session: Session, id: string, options: Changing): Promise<boolean> {
  const { subscriptions } = await getEventService(session, options)
  return (await session.remove(`${subscriptions}/${encodeURIComponent(id)}`, options)) !== false
}
