// Ironic's vendor methods for subscriptions to a BMC's events. They are answered at once, and what they show of one is what Ironic shows.
import { FaultError } from '../../../shared/faults.ts'
import type { VendorMethod } from '../../driver.ts'
import { RedfishError } from '../../redfish/errors.ts'
import {
  createSubscription,
  deleteSubscription,
  getEventService,
  getSubscription,
  getSubscriptions,
  type Subscription,
} from '../../redfish/subscriptions.ts'
import { mutate, read, type RedfishContext } from './bmc.ts'

type Args = Readonly<Record<string, unknown>>

const SHOWN = ['Id', 'Context', 'Protocol', 'Destination', 'EventTypes']

const invalid = (message: string) => new FaultError('request.invalid', message)
const absent = (id: string) => new FaultError('not_found', `The BMC has no subscription ${id}.`)

/** What the BMC is told, by Ironic's defaults. */
function wantedOf(args: Args) {
  const { Destination, Protocol = 'Redfish', Context = '', EventTypes = ['Alert'], HttpHeaders } = args
  if (typeof Destination !== 'string' || !/^https?:$/.test(URL.parse(Destination)?.protocol ?? ''))
    throw invalid('Destination must be an http or https URL')
  if (typeof Protocol !== 'string') throw invalid('Protocol must be a text')
  if (typeof Context !== 'string') throw invalid('Context must be a text')
  if (!isTexts(EventTypes) || EventTypes.length === 0) throw invalid('EventTypes must be a list of texts')
  if (HttpHeaders !== undefined && HttpHeaders !== null && !Array.isArray(HttpHeaders))
    throw invalid('HttpHeaders must be a list of headers')
  const headers = Array.isArray(HttpHeaders) && HttpHeaders.length > 0 ? { HttpHeaders: HttpHeaders as unknown[] } : {}
  return { Destination, Protocol, Context, EventTypes, ...headers }
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}

function idOf({ id }: Args): string {
  if (typeof id !== 'string' || id === '' || id === '.' || id === '..') throw invalid('id is needed: of a subscription')
  return id
}

function shown(subscription: Subscription): Record<string, unknown> {
  return Object.fromEntries(Object.entries(subscription).filter(([name]) => SHOWN.includes(name)))
}

const method = (http: string, description: string, validate?: (args: Args) => void): VendorMethod => ({
  description,
  http: [http],
  async: false,
  ...(validate && { validate }),
})

export const subscriptionVendor: Readonly<Record<string, VendorMethod>> = {
  create_subscription: method(
    'POST',
    "Subscribes a destination to events of the BMC. Required: 'Destination', a URL. Optional: 'EventTypes' (default Alert), 'Context', 'Protocol', 'HttpHeaders'",
    (args) => void wantedOf(args),
  ),
  delete_subscription: method('DELETE', "Deletes a subscription. Required: 'id'", (args) => void idOf(args)),
  get_all_subscriptions: method('GET', 'All subscriptions to events of the BMC'),
  get_subscription: method('GET', "One subscription. Required: 'id'", (args) => void idOf(args)),
}

export const subscriptionMethods = {
  async create_subscription(context: RedfishContext, args: Args) {
    const wanted = wantedOf(args)
    const made = await mutate(context, async (session, options) => {
      const { eventTypes } = await getEventService(session, options)
      const unknown =
        args['EventTypes'] === undefined ? [] : wanted.EventTypes.filter((type) => !eventTypes.includes(type))
      if (unknown.length > 0)
        throw invalid(`The BMC does not know the EventTypes ${unknown.join(', ')}: it has ${eventTypes.join(', ')}`)
      return await createSubscription(session, wanted, options)
    })
    return shown(made)
  },
  async delete_subscription(context: RedfishContext, args: Args) {
    const id = idOf(args)
    if (!(await mutate(context, (session, options) => deleteSubscription(session, id, options)))) throw absent(id)
  },
  async get_all_subscriptions(context: RedfishContext) {
    return await read(context, getSubscriptions)
  },
  async get_subscription(context: RedfishContext, args: Args) {
    const id = idOf(args)
    const look = read(context, async (session, options) => getSubscription(session, id, options))
    return shown(
      await look.catch((error: unknown) => {
        const { cause } = error as { cause?: unknown }
        throw cause instanceof RedfishError && cause.kind === 'missing' && cause.status !== undefined
          ? absent(id)
          : error
      }),
    )
  },
}
