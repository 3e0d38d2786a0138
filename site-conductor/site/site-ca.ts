// The site's certificate authority: made by the first conductor, held by all of them, pinned by agents (EC P-256, RFC 5280).
import 'reflect-metadata' // for @peculiar/x509
import { createHash, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import * as x509 from '@peculiar/x509'

/** Machines whose clock battery is dead may be an hour off and more; the agent sets its clock by ours when it is far off. */
const BACKDATED_MS = 24 * 3_600_000
const CA_VALID_MS = 20 * 365 * 86_400_000
const SERVER_VALID_MS = 398 * 86_400_000
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const subtle = webcrypto.subtle as unknown as SubtleCrypto

/** PEM: certificate and PKCS #8 key. */
export interface CertificateAndKey {
  readonly certificate: string
  readonly privateKey: string
}

export async function newSiteCa(now: Date): Promise<CertificateAndKey> {
  x509.cryptoProvider.set(webcrypto as unknown as Crypto)
  const keys = await subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: 'CN=Ferrule site CA',
    notBefore: new Date(now.getTime() - BACKDATED_MS),
    notAfter: new Date(now.getTime() + CA_VALID_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto as unknown as Crypto),
    ],
  })
  return { certificate: `${certificate.toString('pem')}\n`, privateKey: await keyPem(keys.privateKey) }
}

/** A server certificate for these addresses and names; `certificate` is the chain, the CA's last. */
export async function issueServer(
  ca: CertificateAndKey,
  names: readonly string[],
  now: Date,
): Promise<CertificateAndKey> {
  x509.cryptoProvider.set(webcrypto as unknown as Crypto)
  const keys = await subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const issuer = new x509.X509Certificate(ca.certificate)
  const pkcs8 = Buffer.from(ca.privateKey.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64')
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: `CN=${names[0] ?? 'conductor'}`,
    issuer: issuer.subject,
    notBefore: new Date(now.getTime() - BACKDATED_MS),
    notAfter: new Date(now.getTime() + SERVER_VALID_MS),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: await subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['sign']),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey, false, webcrypto as unknown as Crypto),
    ],
  })
  return { certificate: `${certificate.toString('pem')}\n${ca.certificate}`, privateKey: await keyPem(keys.privateKey) }
}

/** SHA-256 of a certificate's DER, lower-case hex: what goes on the kernel's command line. */
export function certificateDigest(pem: string): string {
  const der = Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64')
  return createHash('sha256').update(der).digest('hex')
}

/** 16 random bytes, positive and not starting with a zero byte (RFC 5280 §4.1.2.2). */
function serialNumber(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16))
  bytes[0] = (bytes[0]! & 0x7f) | 0x40
  return Buffer.from(bytes).toString('hex')
}

async function keyPem(key: CryptoKey): Promise<string> {
  const base64 = Buffer.from(await subtle.exportKey('pkcs8', key)).toString('base64')
  return `-----BEGIN PRIVATE KEY-----\n${base64.match(/.{1,64}/g)!.join('\n')}\n-----END PRIVATE KEY-----\n`
}
