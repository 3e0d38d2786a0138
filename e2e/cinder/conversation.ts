// What the storage interface `cinder` says to a Cinder, and what that answers, over everything that happens to volumes: attached, looked at again, given back; refused;
// begun by somebody who is there no more. The same with a real one and with our own fake, which have to answer alike.
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { systemEnv } from '../../shared/env.ts'
import { FaultError } from '../../shared/faults.ts'
import ipmi from '../../site-conductor/drivers/ipmi.ts'
import { fakeContext } from '../../site-conductor/testing/fake-context.ts'
import { fakeGrant } from '../../site-conductor/testing/fake-hub.ts'
import { OpenStack } from '../../site-conductor/openstack/client.ts'
import { OpenStackConfig } from '../../site-conductor/openstack/config.ts'

export interface Exchange {
  /** `POST /volumes/A/action os-reserve`; ids of volumes are letters in the order in which they are met. */
  readonly asked: string
  readonly status: number
  /** Of a volume: its status and whose it is. Of a connection: its kind and the names of what it says. Of a refusal: its sentence. */
  readonly answer: unknown
}

/** `url`: of a Cinder without authentication. `volumes`: two that are available there, and one that is not there. */
export async function converse(url: string, volumes: readonly [string, string, string]): Promise<Exchange[]> {
  const exchanges: Exchange[] = []
  const proxy = await startProxy(url, volumes, exchanges)
  const config = { authType: 'none', project: 'ferrule', endpoints: { 'block-storage': proxy.url }, retries: 0 }
  const openstack = new OpenStack(systemEnv, OpenStackConfig.parse(config))
  const cinder = ipmi.interfaces.storage!['cinder']!
  const [a, b, gone] = volumes
  const contextOf = async (ids: readonly string[], kept: Readonly<Record<string, unknown>> = {}, of = NODE) => {
    const targets = ids.map((volumeId, bootIndex) => ({
      uuid: `t${bootIndex}`,
      type: 'iscsi',
      volumeId,
      bootIndex,
      properties: {},
    }))
    const connectors = [{ uuid: 'c', type: 'iqn', id: 'iqn.2026-01.org.example:node' }]
    const driverInfo = { ipmi_address: '127.0.0.1' }
    const node = fakeGrant(of, { driver: 'ipmi', driverInfo, volumes: { targets, connectors } })
    const made = await fakeContext(ipmi, { node, args: { required: false }, context: { ...kept } })
    return Object.assign(made, { site: { ...made.site, openstack } })
  }
  type Context = Awaited<ReturnType<typeof contextOf>>
  const run = (step: 'attach_volumes' | 'detach_volumes', context: Context) => cinder.steps![step]!(context as never)
  /** Until there is nobody who would ask for more than this. */
  const ended = async (step: 'attach_volumes' | 'detach_volumes', context: Context, after: string) => {
    const until = exchanges.length
    const before = () => {
      if (exchanges.slice(until).some(({ asked }) => asked.endsWith(after))) throw new FaultError('fenced', 'ended')
    }
    await run(step, Object.assign(context, { before })).catch(() => {})
    return context.kept
  }
  try {
    const both = await contextOf([a, b])
    await run('attach_volumes', both)
    await run('attach_volumes', both)
    await run('detach_volumes', both)
    await run('detach_volumes', both)
    for (const action of ['os-reserve', 'os-initialize_connection', 'os-attach']) {
      const kept = await ended('attach_volumes', await contextOf([a]), action)
      await run('attach_volumes', await contextOf([a], kept))
      await run('detach_volumes', await contextOf([a]))
    }
    for (const action of ['os-begin_detaching', 'os-terminate_connection', 'os-detach']) {
      await run('attach_volumes', await contextOf([a]))
      await ended('detach_volumes', await contextOf([a]), action)
      await run('detach_volumes', await contextOf([a]))
    }
    await ended('attach_volumes', await contextOf([a]), 'os-reserve')
    await run('detach_volumes', await contextOf([a]))
    await ended('attach_volumes', await contextOf([b], {}, OTHER), 'os-reserve')
    await run('attach_volumes', await contextOf([a, b])).catch(() => {})
    await run('attach_volumes', await contextOf([gone])).catch(() => {})
  } finally {
    await openstack.close()
    await proxy.close()
  }
  return exchanges
}

const OTHER = '33333333-3333-4333-8333-333333333333'
const NODE = '22222222-2222-4222-8222-222222222222'

/** Hands on what is asked, and writes down what matters of it. */
async function startProxy(to: string, volumes: readonly string[], exchanges: Exchange[]) {
  const server = createServer((request, response) => {
    void (async () => {
      const body = await text(request)
      const answer = await fetch(`${to}${request.url ?? ''}`, {
        method: request.method ?? 'GET',
        headers: headersOf(request),
        ...(body !== '' && { body }),
      })
      const said = await answer.text()
      exchanges.push(exchangeOf(request, body, answer.status, said, volumes))
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(said)
    })()
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise<void>((closed) => {
        server.close(() => closed())
        server.closeAllConnections()
      }),
  }
}

const headersOf = ({ headers }: IncomingMessage): Record<string, string> =>
  Object.fromEntries(
    ['content-type', 'x-auth-token', 'accept'].flatMap((name) => {
      const value = headers[name]
      return typeof value === 'string' ? [[name, value]] : []
    }),
  )

function exchangeOf(
  { method, url }: IncomingMessage,
  body: string,
  status: number,
  said: string,
  volumes: readonly string[],
): Exchange {
  const named = (text: string) =>
    volumes.reduce((named, id, index) => named.replaceAll(id, String.fromCharCode(65 + index)), text)
  const action = body === '' ? '' : ` ${Object.keys(JSON.parse(body) as object)[0]}`
  return { asked: named(`${method} ${url}${action}`), status, answer: answerIn(named(said)) }
}

function answerIn(said: string): unknown {
  const json = (said === '' ? {} : JSON.parse(said)) as Record<string, Record<string, unknown>>
  const { volume, connection_info: connection, metadata } = json
  if (volume) {
    const attachments = volume['attachments'] as { server_id: string }[]
    return { status: volume['status'], for: attachments.map(({ server_id: server }) => server) }
  }
  if (connection)
    return {
      type: connection['driver_volume_type'],
      has: Object.keys(connection['data'] as object)
        .filter((name) => /^(target_(iqn|portal|lun)|auth_)/.test(name))
        .toSorted(),
    }
  if (metadata) return 'metadata'
  return Object.values(json).map(({ message }) => message)[0] ?? null
}
