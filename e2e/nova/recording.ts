// What nova's driver asks and is answered, noted by a proxy in front of the API. UUIDs are replaced by the order in which they came, so that a
// recording can be played again on another node; what is asked twice in a row (polling) is noted once, with its last answer.
import { createServer } from 'node:http'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AddressInfo } from 'node:net'
import { callOf } from './node.ts'
import { shapeOf, type Shape } from './shape.ts'

export interface Noted {
  readonly method: string
  /** With its query; <1>, <2>, … stand for UUIDs. */
  readonly path: string
  readonly version: string
  readonly body?: unknown
  readonly status: number
  /** Of the last answer, where it was asked more often in a row. */
  readonly answer?: Shape
  /** Of the node before a request that changes something: what the changes before it made of it. */
  readonly before?: Shape
}

/** What nova's changes make of a node. */
export const NODE_FIELDS = 'provision_state,target_provision_state,power_state,target_power_state,maintenance,instance_uuid,instance_info,console_enabled' // prettier-ignore

export const RECORDING = join(import.meta.dirname, 'testdata/requests.json')
export const recorded = (): Noted[] => JSON.parse(readFileSync(RECORDING, 'utf8')) as Noted[]

const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g

const asks = ({ method, path, version, body, status }: Partial<Noted> = {}) =>
  JSON.stringify([method, path, version, body, status])

/** Answers the URL to ask instead, and what was asked so far about this node. */
export async function recorder(url: string, node: string) {
  const noted: Noted[] = []
  const call = callOf(url)
  const uuids: string[] = []
  const named = (text: string) =>
    text.replaceAll(UUID, (uuid) => `<${(uuids.includes(uuid) ? uuids.indexOf(uuid) : uuids.push(uuid) - 1) + 1}>`)
  const shaped = (value: unknown) => shapeOf(JSON.parse(named(JSON.stringify(value))))
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const text = Buffer.concat(parts).toString('utf8')
    const { method = 'GET', url: path = '/' } = request
    const version = request.headers['x-openstack-ironic-api-version']
    const headers = { ...(version === undefined ? {} : { 'X-OpenStack-Ironic-API-Version': String(version) }), 'Content-Type': 'application/json' } // prettier-ignore
    const before = method === 'GET' ? {} : { before: shaped((await call('GET', `/v1/nodes/${node}?fields=${NODE_FIELDS}`)).body) } // prettier-ignore
    const answer = await fetch(`${url}${path}`, { method, headers, ...(text === '' ? {} : { body: text }) })
    const replied = await answer.text()
    const one = { method, path: named(path), version: String(version ?? ''), ...(text === '' ? {} : { body: JSON.parse(named(text)) }), status: answer.status } // prettier-ignore
    if (asks(one) === asks(noted.at(-1))) noted.pop()
    noted.push({ ...one, ...(replied === '' ? {} : { answer: shaped(JSON.parse(replied)) }), ...before })
    // Links lead through the proxy, too.
    const body = replied.replaceAll(url, here)
    const kept = [...answer.headers].filter(([name]) => /^(content-type|openstack|x-openstack)/.test(name))
    response.writeHead(answer.status, Object.fromEntries(kept)).end(body)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const here = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url: here, noted, close: () => new Promise((done) => server.close(done)) }
}
