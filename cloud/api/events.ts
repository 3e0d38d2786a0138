// The event log (ours): every change of an organisation's nodes, tasks, conductors and sites, in order, by page or as a stream of
// server-sent events (WHATWG HTML §9.2). 1. A stream reads the rows after the last one it sent whenever a hub says that it committed, and
// only while its client takes what it sends: nothing is kept in memory for a slow one. 2. It ends by itself, so that a token that was
// revoked is noticed; a client connects again with Last-Event-ID and misses nothing.
import type { Env } from '../../shared/env.ts'
import type { SqlValue, Watch } from '../ports.ts'
import { json, type Answer, type Call, type Route } from './call.ts'
import { News } from './news.ts'
import { findNode } from './nodes/find.ts'
import { IDENT, invalid, limitOf, NUMBER_MARKER, PAGE, readQuery } from './query.ts'

const FILTERS = ['node', 'site', 'task', 'type'] as const
const ID = /^\d{1,15}$/

const EVENT = `json_object('id', id, 'at', at, 'type', type, 'site', site, 'node', node, 'task', task, 'actor', actor, 'request_id', request_id, 'body', json(body))`

/** The organisation's event log, in order; a page goes on after the id `marker`. */
async function events(call: Call): Promise<Answer | Response> {
  const query = readQuery(call.search, ['limit', 'marker', ...FILTERS])
  if (call.request.headers.get('accept')?.includes('text/event-stream')) return stream(call, query)
  const limit = limitOf(query)
  const marker = query.get('marker') ?? '0'
  if (!ID.test(marker)) throw invalid('The marker is the id of an event')
  const { where, args } = await conditions(call, query)
  const sql = `SELECT count(*), group_concat(j, ','), max(id) FROM (SELECT id, ${EVENT} AS j FROM events WHERE ${where} ORDER BY id LIMIT ?2)`
  const [row] = await call.sql.all(sql, [Number(marker), limit, ...args])
  const [count, items, last] = row as [number, string | null, number | null]
  query.set('limit', String(limit))
  query.set('marker', String(last))
  const next =
    count === limit ? `,"next":${JSON.stringify(`${call.base}/v1/events?${new URLSearchParams([...query])}`)}` : ''
  return json(`{"events":[${items ?? ''}]${next}}`)
}

/** Of the filters; ?1 and ?2 are taken. */
async function conditions(call: Call, query: Map<string, string>): Promise<{ where: string; args: SqlValue[] }> {
  const args: SqlValue[] = []
  const where = ['id > ?1']
  const node = query.get('node')
  if (node !== undefined) query.set('node', (await findNode(call, node)).uuid)
  for (const column of FILTERS) {
    const value = query.get(column)
    if (value !== undefined) where.push(`${column} = ?${args.push(value) + 2}`)
  }
  return { where: where.join(' AND '), args }
}

/** Events in one write to the client. */
const STREAM_PAGE = 100
/** Proxies close what is silent for a minute. */
const HEARTBEAT_MS = 15_000
const STREAM_MS = 10 * 60_000

async function stream(call: Call, query: Map<string, string>): Promise<Response> {
  const asked = call.request.headers.get('last-event-id') ?? query.get('marker')
  if (asked !== undefined && !ID.test(asked)) throw invalid('Last-Event-ID is the id of an event')
  const { where, args } = await conditions(call, query)
  const news = new News()
  const sites = new Sites(call, query.get('site'), news)
  await sites.watch()
  const sql = `SELECT id, type, ${EVENT} FROM events WHERE ${where} AND id <= ?2 ORDER BY id LIMIT ${STREAM_PAGE}`
  const last = async () => Number((await call.sql.all('SELECT coalesce(max(id), 0) FROM events'))[0]![0])
  let cursor = asked === undefined ? await last() : Number(asked)
  /** What is new, as text; empty when there is nothing. */
  const read = async (): Promise<string> => {
    await sites.watch()
    const upTo = await last()
    const found = await call.sql.all(sql, [cursor, upTo, ...args])
    const isFull = found.length === STREAM_PAGE
    cursor = isFull ? Number(found.at(-1)![0]) : Math.max(cursor, upTo)
    if (isFull) news.again()
    return found.map(([id, type, event]) => `id: ${id}\nevent: ${type}\ndata: ${event}\n\n`).join('')
  }
  const headers = {
    'Content-Type': 'text/event-stream',
    'Cache-Control': 'no-store',
    'X-Accel-Buffering': 'no',
    'Openstack-Request-Id': call.requestId,
  }
  return new Response(
    streamOf(call.ports.env, news, read, () => sites.close()),
    { headers },
  )
}

function streamOf(env: Env, news: News, read: () => Promise<string>, close: () => void): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const until = env.now() + STREAM_MS
  let greeting = 'retry: 1000\n\n'
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const send = (text: string) => controller.enqueue(encoder.encode(text))
        if (greeting !== '') {
          send(greeting)
          greeting = ''
          return
        }
        try {
          for (;;) {
            const what = news.isEnded || env.now() >= until ? 'end' : await news.next(env, HEARTBEAT_MS)
            if (what === 'end') break
            const text = await read()
            if (text !== '' || what === 'silent') return send(text === '' ? ':\n\n' : text)
          }
          close()
          controller.close()
        } catch (error) {
          close()
          throw error
        }
      },
      cancel() {
        news.ended()
        close()
      },
    },
    { highWaterMark: 1 },
  )
}

/** The sites whose hubs are listened to: one, or all, and then those that are added as well. */
class Sites {
  readonly #call: Call
  readonly #only: string | undefined
  readonly #news: News
  readonly #watches = new Map<string, Watch>()

  constructor(call: Call, only: string | undefined, news: News) {
    this.#call = call
    this.#only = only
    this.#news = news
  }

  /** Listens to those that it does not listen to yet; what they commit from here on is told. */
  async watch(): Promise<void> {
    const { sql, ports, principal } = this.#call
    const rows =
      this.#only === undefined
        ? await sql.all('SELECT id FROM sites')
        : await sql.all('SELECT id FROM sites WHERE id = ?', [this.#only])
    const added = rows.map(([id]) => String(id)).filter((id) => !this.#watches.has(id))
    if (added.length === 0) return
    const refs = added.map((site) => ({ organisation: principal.organisation, site }))
    const watch = await ports.hub.watch(refs, this.#news)
    for (const id of added) this.#watches.set(id, watch)
  }

  close(): void {
    for (const watch of new Set(this.#watches.values())) watch.close()
  }
}

export const eventRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/events',
    stream: true,
    about: 'The event log in order; with Accept: text/event-stream as a stream that goes on after Last-Event-ID',
    query: {
      ...PAGE,
      marker: { about: 'Id of the last one of the page before', schema: NUMBER_MARKER },
      node: { about: 'Only of this node (UUID or name)', schema: IDENT },
      site: 'Only of this site (UUID)',
      task: 'Only of this task (UUID)',
      type: 'Only of this type',
    },
    run: events,
  },
]
