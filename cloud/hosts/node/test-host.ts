// A server on a free loopback port in a folder of its own, as suites want it; `stop` leaves nothing behind.
import { mkdtempSync, rmSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { WebSocket } from 'ws'
import { SUBPROTOCOL } from '../../../shared/upgrade.ts'
import type { Socket, SocketHandler, TestConductorOptions } from '../test-conductor.ts'
import { siteOn, type SuiteHost, type TestSite as SiteOn } from '../test-site.ts'
import { writeFirstStart } from './test-data.ts'
import { startCloud, type Cloud, type CloudOptions } from './start.ts'

export interface TestHost extends SuiteHost {
  readonly cloud: Cloud
  readonly dataDir: string
}

/** A change of a locked node is refused at once, unless a suite says otherwise. */
export async function startTestHost(options: Omit<Partial<CloudOptions>, 'dataDir'> = {}): Promise<TestHost> {
  const dataDir = mkdtempSync(join(tmpdir(), 'ferrule-cloud-'))
  // With a clock of its own everything is of that clock's time.
  const token = options.env ? undefined : await writeFirstStart(dataDir)
  const cloud = await startCloud({ dataDir, port: 0, lockWaitMs: 0, ...options })
  const { url } = cloud
  return {
    url,
    cloud,
    dataDir,
    token: token ?? cloud.token!,
    fetch: (path, init) => fetch(`${url}${path}`, init),
    connect: (path, headers, handler) => connectTo(url, path, headers, handler),
    store: cloud.ports.store,
    blobs: cloud.ports.blobs,
    blobKeys: () => filesUnder(join(dataDir, 'blobs')),
    async stop() {
      await cloud.close()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

/** Paths from the folder; none where it is not there. */
async function filesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)))
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

export type TestSite = SiteOn<TestHost>

export async function startTestSite(options: TestConductorOptions = {}): Promise<TestSite> {
  return siteOn(await startTestHost(), options)
}
