// The event service of the simulated BMC, with its subscriptions (DSP2046: EventService, EventDestination). Nothing is sent: that is another's affair.
import type { RedfishMachine, Subscription } from './machine.ts'
import { collection, done, link, only, Refusal, type Resource, text } from './resource.ts'

export const EVENT_SERVICE = '/redfish/v1/EventService'
const SUBSCRIPTIONS = `${EVENT_SERVICE}/Subscriptions`
const EVENT_TYPES = ['StatusChange', 'ResourceUpdated', 'Alert']

/** `locates`: does the answer to a new one say where it is in its header, or only in its body? */
export function eventResources(machine: RedfishMachine, locates: boolean): Record<string, Resource> {
  const { subscriptions } = machine
  const shown = ({ id, ...subscription }: Subscription) => ({
    '@odata.type': '#EventDestination.v1_7_0.EventDestination',
    '@odata.id': `${SUBSCRIPTIONS}/${id}`,
    Id: id,
    Name: `Subscription ${id}`,
    // DSP2046: never shown.
    HttpHeaders: null,
    Context: subscription.context,
    Protocol: subscription.protocol,
    Destination: subscription.destination,
    EventTypes: subscription.eventTypes,
  })
  const all: Resource = {
    what: 'EventDestinationCollection',
    get: () =>
      collection(
        SUBSCRIPTIONS,
        'EventDestination',
        [...subscriptions.keys()].map((id) => `${SUBSCRIPTIONS}/${id}`),
      ),
    post(body) {
      only(body, ['Destination', 'Protocol', 'Context', 'EventTypes', 'HttpHeaders'])
      const eventTypes = body['EventTypes'] as string[]
      if (!eventTypes.every((type) => EVENT_TYPES.includes(type)))
        throw new Refusal(400, 'PropertyValueNotInList', 'there is no such event type')
      const id = String(machine.nextSubscription++)
      const headers = (body['HttpHeaders'] ?? []) as unknown[]
      const context = String(body['Context'] ?? '')
      const made = {
        id,
        destination: text(body, 'Destination'),
        protocol: text(body, 'Protocol'),
        context,
        eventTypes,
        headers,
      }
      subscriptions.set(id, made)
      const location = `${SUBSCRIPTIONS}/${id}`
      return { status: 201, detail: made.destination, ...(locates ? { headers: { location } } : { body: shown(made) }) }
    },
  }
  const each = [...subscriptions.values()].map((subscription): [string, Resource] => [
    `${SUBSCRIPTIONS}/${subscription.id}`,
    {
      what: 'EventDestination',
      get: () => shown(subscription),
      remove() {
        subscriptions.delete(subscription.id)
        return { ...done, detail: subscription.id }
      },
    },
  ])
  const service: Resource = {
    what: 'EventService',
    get: () => ({
      '@odata.type': '#EventService.v1_5_0.EventService',
      '@odata.id': EVENT_SERVICE,
      Id: 'EventService',
      Name: 'Event Service',
      ServiceEnabled: true,
      EventTypesForSubscription: EVENT_TYPES,
      Subscriptions: link(SUBSCRIPTIONS),
      Actions: {
        '#EventService.SubmitTestEvent': { target: `${EVENT_SERVICE}/Actions/EventService.SubmitTestEvent` },
      },
    }),
  }
  return { [EVENT_SERVICE]: service, [SUBSCRIPTIONS]: all, ...Object.fromEntries(each) }
}
