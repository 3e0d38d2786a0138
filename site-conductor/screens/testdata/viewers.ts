// Viewers that others have written, and what they see.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createWebSocketStream, WebSocket } from 'ws'

export interface Seen {
  readonly width: number
  readonly height: number
  /** 0xRRGGBB. */
  at(x: number, y: number): number
}

const run = promisify(execFile)
const PATIENCE = { timeout: 30_000, maxBuffer: 16 << 20, encoding: 'buffer' } as const

function seenOf(bytes: Buffer): Seen {
  const [width, height] = [bytes.readUInt16BE(0), bytes.readUInt16BE(2)]
  return { width, height, at: (x, y) => bytes.readUIntBE(4 + 3 * (y * width + x), 3) }
}

/** Debian's libnet-vnc-perl: Perl, RFB 3.8, VNC authentication, keys. */
export async function netVnc(address: string, password: string, keysyms: readonly number[] = []): Promise<Seen> {
  const { hostname, port } = new URL(`tcp://${address}`)
  const script = join(import.meta.dirname, 'viewer.pl')
  const { stdout } = await run('perl', [script, hostname, port, password, ...keysyms.map(String)], PATIENCE)
  return seenOf(stdout)
}

/** Debian's vncsnapshot, of TightVNC's viewer: RFB 3.3, without a password. A JPEG, so colours are about right. */
export async function vncSnapshot(address: string): Promise<Seen> {
  const { hostname, port } = new URL(`tcp://${address}`)
  const folder = await mkdtemp(join(tmpdir(), 'ferrule-viewer-'))
  try {
    const picture = join(folder, 'seen.jpg')
    await run('vncsnapshot', ['-quiet', '-quality', '100', `${hostname}::${port}`, picture], PATIENCE)
    const { stdout } = await run('perl', [join(import.meta.dirname, 'pixels.pl'), picture], PATIENCE)
    return seenOf(stdout)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** For a viewer that speaks TCP only: the WebSocket that a browser would use, as a port. One viewer. */
export async function throughWebSocket(url: string): Promise<{ address: string; close(): void }> {
  const page = new URL(url)
  const socket = new URL(page.searchParams.get('path')!, page)
  socket.protocol = 'ws:'
  const webSocket = new WebSocket(socket, ['binary'])
  const opened = once(webSocket, 'open')
  // What the server says first is there before any viewer is.
  const stream = createWebSocketStream(webSocket)
  stream.on('error', () => {})
  const server = createServer((client) => {
    client.on('error', () => {})
    stream.on('close', () => client.destroy())
    client.pipe(stream).pipe(client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  await opened.catch((error: unknown) => {
    server.close()
    throw error
  })
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      webSocket.terminate()
      server.close()
    },
  }
}
