// The line between a site and the cloud, as a TCP relay that can be cut. A cut line swallows what is sent and answers nobody: neither end
// hears that the other has gone, as with a real one.
import { connect, createServer, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'

export interface Wan {
  /** Where the cloud is for whoever is behind this line. */
  readonly url: string
  cut(): void
  restore(): void
  close(): Promise<void>
}

export async function startWan(cloudUrl: string): Promise<Wan> {
  const { hostname, port } = new URL(cloudUrl)
  let isCut = false
  const sockets = new Set<Socket>()
  const follow = (socket: Socket, peer: () => Socket | undefined) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      sockets.delete(socket)
      // A connection that ends during a cut ends unheard.
      if (!isCut) peer()?.destroy()
    })
    socket.on('data', (bytes) => {
      if (!isCut) peer()?.write(bytes)
    })
  }
  const server = createServer((near) => {
    let far: Socket | undefined
    follow(near, () => far)
    if (isCut) return
    far = connect(Number(port), hostname)
    follow(far, () => near)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut: () => void (isCut = true),
    restore() {
      isCut = false
      // What was swallowed is missing: these connections cannot go on.
      for (const socket of sockets) socket.destroy()
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
