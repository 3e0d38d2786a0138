// Downloads over real UDP, for tests and benchmarks: one client for every server that is compared.
import dgram from 'node:dgram'
import { once } from 'node:events'
import { Download } from './download.ts'

export interface Downloaded {
  content: Buffer
  durationMs: number
  acknowledged: Map<string, string>
  dataPackets: number
  error?: string
}

/** Fetches `file`; a failure is told in `error`. */
export async function download(
  server: { address: string; port: number },
  file: string,
  wants: Record<string, string> = {},
  timing: { timeoutMs?: number; mostTimeouts?: number } = {},
): Promise<Downloaded> {
  const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 4 << 20 })
  socket.bind(0, server.address)
  await once(socket, 'listening')
  // The server answers from a port of its own (its transfer identifier); the first answer decides which.
  let port = server.port
  const startedMs = performance.now()
  const { promise, resolve } = Promise.withResolvers<{ error?: string }>()
  const run = new Download({
    file,
    wants,
    ...timing,
    send: (bytes) => socket.send(bytes, port, server.address, () => {}),
    clock: {
      nowMs: () => performance.now(),
      after(delayMs, then) {
        const timer = setTimeout(then, delayMs)
        return () => clearTimeout(timer)
      },
    },
    onEnd: resolve,
  })
  socket.on('message', (bytes, from) => {
    if (port === server.port) port = from.port
    if (from.port === port) run.receive(bytes)
  })
  run.start()
  const end = await promise
  const durationMs = performance.now() - startedMs
  // The last ACK is on its way; closing at once would drop it.
  await new Promise((done) => setImmediate(done))
  await new Promise<void>((done) => socket.close(() => done()))
  return { content: run.content, durationMs, acknowledged: run.acknowledged, dataPackets: run.dataPackets, ...end }
}
