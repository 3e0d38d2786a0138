// The agent's own TLS certificate: made at start, self-signed, sent with the heartbeat (agent_verify_ca) and verified against by the conductor.
import 'reflect-metadata' // for @peculiar/x509
import { isIP } from 'node:net'
import { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

/** Clocks of machines that were off for a year differ. */
const BACKDATED_MS = 3_600_000
const VALID_MS = 90 * 86_400_000

export interface OwnCertificate {
  certPem: string
  keyPem: string
}

/** EC P-256, subject alternative names for the addresses (and names) given, valid from one hour ago for 90 days. */
export async function makeCertificate(addresses: string[], now: Date): Promise<OwnCertificate> {
  const crypto = webcrypto as unknown as Crypto
  x509.cryptoProvider.set(crypto)
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: Buffer.from(webcrypto.getRandomValues(new Uint8Array(16)))
      .toString('hex')
      .replace(/^[89a-f]/, '1'),
    name: `CN=${addresses[0] ?? 'ferrule-agent'}`,
    notBefore: new Date(now.getTime() - BACKDATED_MS),
    notAfter: new Date(now.getTime() + VALID_MS),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyCertSign, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(addresses.map((value) => ({ type: isIP(value) ? 'ip' : 'dns', value }))),
    ],
  })
  const key = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
  const keyPem = `-----BEGIN PRIVATE KEY-----\n${key.match(/.{1,64}/g)!.join('\n')}\n-----END PRIVATE KEY-----\n`
  return { certPem: `${certificate.toString('pem')}\n`, keyPem }
}
