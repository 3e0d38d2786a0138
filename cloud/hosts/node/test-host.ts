// A server on a free loopback port in a folder of its own, as suites want it; `stop` leaves nothing behind.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import { SUBPROTOCOL } from '../../../shared/upgrade.ts'
import {
  ask,
  enrol,
  TestConductor,
  type Enrolled,
  type HostUnderTest,
  type Reply,
  type Socket,
  type SocketHandler,
  type TestConductorOptions,
} from '../test-conductor.ts'
import { startCloud, type Cloud, type CloudOptions } from './start.ts'

export interface TestHost extends HostUnderTest {
  readonly cloud: Cloud
  readonly dataDir: string
  stop(): Promise<void>
}

export async function startTestHost(options: Partial<CloudOptions> = {}): Promise<TestHost> {
  const dataDir = mkdtempSync(join(tmpdir(), 'ferrule-cloud-'))
  const cloud = await startCloud({ dataDir, port: 0, ...options })
  const { url } = cloud
  return {
    url,
    cloud,
    dataDir,
    token: cloud.token!,
    fetch: (path, init) => fetch(`${url}${path}`, init),
    connect: (path, headers, handler) => connectTo(url, path, headers, handler),
    async stop() {
      await cloud.close()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

export function connectTo(
  url: string,
  path: string,
  headers: Record<string, string>,
  handler: SocketHandler,
): Promise<Socket | Response> {
  return new Promise((done, failed) => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}${path}`, SUBPROTOCOL, {
      headers,
      perMessageDeflate: false,
    })
    socket.on('error', failed)
    socket.on('unexpected-response', (_request, response) => {
      response.resume()
      socket.terminate()
      done(new Response(null, { status: response.statusCode ?? 500 }))
    })
    socket.on('message', (data) => handler.onMessage((data as Buffer).toString('utf8')))
    socket.on('close', (code) => handler.onClose(code))
    socket.on('open', () => {
      done({
        protocol: socket.protocol,
        send: (frame) => socket.send(frame),
        close: (code, reason) => socket.close(code, reason),
      })
    })
  })
}

/** A server whose site `default` has a connected conductor `c1`, and a client of its API. */
export interface TestSite {
  readonly host: TestHost
  readonly conductor: TestConductor
  readonly enrolled: Enrolled
  api(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>
  stop(): Promise<void>
}

export async function startTestSite(options: TestConductorOptions = {}): Promise<TestSite> {
  const host = await startTestHost()
  const enrolled = await enrol(host, 'c1')
  const conductor = await TestConductor.start(host, enrolled, 'c1', options)
  return {
    host,
    conductor,
    enrolled,
    api: (method, path, body, headers) => ask(host, method, path, body, headers),
    async stop() {
      conductor.stop()
      await host.stop()
    },
  }
}
