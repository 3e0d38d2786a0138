// The part of the hosts' contract about what is told as it happens: the stream of events, and answers that wait.
import { drive, expect, expectStatus, makeNode, withConductor, type ContractTest } from './contract-steps.ts'
import { ask, type HostUnderTest } from './test-conductor.ts'

interface Told {
  readonly id: number
  readonly event: string
  readonly data: { readonly node: string | null; readonly type: string }
}

/** A client of the stream, as browsers' EventSource reads it. */
class Listener {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  readonly #abort: AbortController
  readonly #decoder = new TextDecoder()
  #text = ''

  constructor(response: Response, abort: AbortController) {
    this.#reader = response.body!.getReader() as ReadableStreamDefaultReader<Uint8Array>
    this.#abort = abort
  }

  static async open(host: HostUnderTest, query: string, lastEventId?: number): Promise<Listener> {
    const headers: Record<string, string> = {
      Authorization: `Bearer ${host.token}`,
      Accept: 'text/event-stream',
      'X-OpenStack-Ironic-API-Version': 'latest',
    }
    if (lastEventId !== undefined) headers['Last-Event-ID'] = String(lastEventId)
    const abort = new AbortController()
    const response = await host.fetch(`/v1/events${query}`, { headers, signal: abort.signal })
    expect(response.status, 200, 'status of the stream')
    expect(response.headers.get('content-type'), 'text/event-stream', 'content type')
    return new Listener(response, abort)
  }

  /** The next event; comments and `retry` are passed over. */
  async next(): Promise<Told> {
    for (;;) {
      const end = this.#text.indexOf('\n\n')
      if (end >= 0) {
        const lines = this.#text.slice(0, end).split('\n')
        this.#text = this.#text.slice(end + 2)
        const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2)
        const data = field('data')
        if (data !== undefined) return { id: Number(field('id')), event: field('event')!, data: JSON.parse(data) }
        continue
      }
      const { done, value } = await this.#reader.read()
      if (done) throw new Error('the stream ended')
      this.#text += this.#decoder.decode(value, { stream: true })
    }
  }

  /** All up to the first one of this type. */
  async until(type: string): Promise<Told[]> {
    const found: Told[] = []
    while (found.at(-1)?.event !== type) found.push(await this.next())
    return found
  }

  async close(): Promise<void> {
    await this.#reader.cancel().catch(() => undefined)
    this.#abort.abort()
  }
}

export const STREAMS: readonly ContractTest[] = [
  {
    name: 'events are streamed as they happen, and go on after the last one that was seen',
    async run(host) {
      await withConductor(host, async (site, conductor) => {
        const node = await makeNode(host, site)
        await conductor.granted(node)
        const listener = await Listener.open(host, `?node=${node}`)
        await drive(host, node, 'manage', 'manageable')
        const seen = await listener.until('task.done')
        await listener.close()
        for (const type of ['node.provision_state', 'task.opened', 'step.finished'])
          expect(
            seen.some(({ event }) => event === type),
            true,
            `the stream has ${type}`,
          )
        expect(
          seen.every(({ data, event }) => data.node === node && data.type === event),
          true,
          'events of the node alone',
        )
        expect(
          seen.map(({ id }) => id),
          seen.map(({ id }) => id).toSorted((a, b) => a - b),
          'ids in order',
        )

        // What happened while nobody listened comes first.
        await drive(host, node, 'provide', 'available')
        const later = await Listener.open(host, `?node=${node}`, seen[1]!.id)
        const missed = [await later.next(), await later.next()]
        expect(
          missed.map(({ id }) => id),
          seen.slice(2, 4).map(({ id }) => id),
          'ids after the last one seen',
        )
        await later.close()
      })
    },
  },
  {
    name: 'a stream without filters has the events of all sites',
    async run(host) {
      await withConductor(host, async (one) => {
        await withConductor(host, async (other) => {
          const listener = await Listener.open(host, '')
          const nodes = [await makeNode(host, one), await makeNode(host, other)]
          const found: unknown[] = []
          while (found.length < 2) {
            const { event, data } = await listener.next()
            if (event === 'node.created' && nodes.includes(String(data.node))) found.push(data.node)
          }
          await listener.close()
          expect(found, nodes, 'the created nodes')
        })
      })
    },
  },
  {
    name: 'a stream that is open has the events of a site that is added later',
    async run(host) {
      const listener = await Listener.open(host, '')
      await withConductor(host, async (site) => {
        const node = await makeNode(host, site)
        let found: unknown
        while (found !== node) {
          const { event, data } = await listener.next()
          if (event === 'node.created') found = data.node
        }
      })
      await listener.close()
    },
  },
  {
    name: 'an answer that may wait comes when the node rests',
    async run(host) {
      await withConductor(host, async (site, conductor) => {
        const node = await makeNode(host, site)
        await conductor.granted(node)
        const path = `/v1/nodes/${node}/states/provision`
        const reply = await ask(host, 'PUT', path, { target: 'manage' }, { Prefer: 'wait=25' })
        expect(expectStatus(reply, 200).body.provision_state, 'manageable', 'provision_state')
      })
    },
  },
]
