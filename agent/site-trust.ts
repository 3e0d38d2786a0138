// How the agent comes to trust its conductors. The kernel's command line pins the SHA-256 of the site's CA certificate. The agent opens one TLS
// connection without verification, over which it sends nothing but a public GET and believes nothing: it takes the certificate whose digest
// is the pinned one, from the chain shown or from the body of GET /v1/agent/ca. From then on every connection is verified in the
// ordinary way (chain, dates, address) against exactly that certificate. Whoever sits in between can only make it fail.
import { createHash, X509Certificate } from 'node:crypto'
import https from 'node:https'
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls'

const MAX_CA_BYTES = 64 * 1024
const TIMEOUT_MS = 30_000

export interface SiteTrust {
  caPem: string
  /** The conductor's clock, unverified: good enough to notice that our own is off by hours. */
  serverTime: Date | undefined
}

const matches = (der: Buffer, digest: string) => createHash('sha256').update(der).digest('hex') === digest

/** The pinned certificate among those of a chain; the chain of a broken peer may be circular. */
export function findInChain(leaf: DetailedPeerCertificate | undefined, digest: string): Buffer | undefined {
  const seen = new Set<string>()
  for (let cert = leaf; cert?.raw && !seen.has(cert.fingerprint256); cert = cert.issuerCertificate) {
    if (matches(cert.raw, digest)) return cert.raw
    seen.add(cert.fingerprint256)
  }
  return undefined
}

/** The pinned certificate among the PEM blocks of a text (or the text being DER itself). */
export function findInBody(body: Buffer, digest: string): Buffer | undefined {
  const blocks = body.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  const ders = blocks.map((block) => Buffer.from(block.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64'))
  return [body, ...ders].find((der) => matches(der, digest))
}

/**
 * Throws an Error that says what was found instead. `caDigest`: lower-case hexadecimal SHA-256 of the DER. `localAddress`: to call from,
 * the host's choice when absent.
 */
export function fetchSiteTrust(apiUrl: string, caDigest: string, localAddress?: string): Promise<SiteTrust> {
  return new Promise((resolve, reject) => {
    const options = {
      rejectUnauthorized: false,
      agent: false as const,
      timeout: TIMEOUT_MS,
      headers: { accept: 'application/x-pem-file' },
      ...(localAddress !== undefined && { localAddress }),
    }
    const request = https.get(`${apiUrl}/v1/agent/ca`, options, (response) => {
      const fromChain = findInChain((response.socket as TLSSocket).getPeerCertificate(true), caDigest)
      const date = new Date(response.headers.date ?? '')
      const serverTime = Number.isNaN(date.getTime()) ? undefined : date
      const parts: Buffer[] = []
      let bytes = 0
      const settle = () => {
        request.destroy()
        const der = fromChain ?? findInBody(Buffer.concat(parts), caDigest)
        if (!der) return reject(new Error(`${apiUrl} shows no certificate with the pinned digest sha256:${caDigest}`))
        const ca = new X509Certificate(der)
        if (!ca.ca || !ca.checkIssued(ca)) return reject(new Error('the pinned certificate is not a self-signed CA'))
        return resolve({ caPem: ca.toString(), serverTime })
      }
      response.on('data', (data: Buffer) => {
        parts.push(data)
        bytes += data.length
        if (bytes > MAX_CA_BYTES) settle()
      })
      response.on('end', settle)
      response.on('error', reject)
    })
    request.on('timeout', () => request.destroy(new Error(`${apiUrl} did not answer within ${TIMEOUT_MS} ms`)))
    request.on('error', reject)
  })
}
