// The cloud's https address, as hosts of a site see it: ends TLS in front of the server that listens on the loopback, as a proxy at a hoster does.
import { writeFileSync } from 'node:fs'
import { connect, type AddressInfo } from 'node:net'
import { pipeline } from 'node:stream'
import { createServer } from 'node:tls'
import { issueServer, newSiteCa } from '../../site-conductor/site/site-ca.ts'

export interface HttpsDoor {
  readonly url: string
  close(): Promise<void>
}

/** Writes the certificate authority that clients must trust to `caFile`. */
export async function openHttpsDoor(address: string, behind: string, caFile: string): Promise<HttpsDoor> {
  const ca = await newSiteCa(new Date())
  const { certificate: cert, privateKey: key } = await issueServer(ca, [address], new Date())
  writeFileSync(caFile, ca.certificate)
  const { hostname: host, port } = new URL(behind)
  const open = new Set<() => void>()
  const server = createServer({ cert, key }, (client) => {
    const inner = connect({ host, port: Number(port) })
    const end = () => void inner.destroy()
    open.add(end)
    client.on('error', end)
    pipeline(client, inner, client, () => open.delete(end))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, address, resolve)
  })
  return {
    url: `https://${address}:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const end of open) end()
      }),
  }
}
