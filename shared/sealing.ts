// Sealing of secrets to a site (HPKE, RFC 9180 base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM).
// The cloud holds the public half only; the associated data ties a sealed value to one field of one node of one site.
// Text form: "sealed:1:" + base64url(encapsulated secret, 32 bytes, then ciphertext).
import { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from 'hpke'

const suite = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_256_GCM)
const PREFIX = 'sealed:1:'
const ENCAPSULATED_BYTES = 32
const KEY_BYTES = 32

/** What a sealed value belongs to; opening it as anything else fails. `field` is a path, such as `driver_info.ipmi_password`. */
export interface SealedFor {
  readonly organisation: string
  readonly site: string
  readonly node: string
  readonly field: string
}

/** What every reader sees in place of a secret. */
export const MASK = '******'

/** In place of a value too large for rows and frames: where the cloud keeps it, sealed. A key of the blobs follows. */
export const BLOB = 'blob:'

export function isSealed(value: unknown): value is string {
  return typeof value === 'string' && value.startsWith(PREFIX)
}

/** Seals `plain` to the site key `publicKey` (32 raw bytes, base64url). */
export async function seal(publicKey: string, to: SealedFor, plain: string): Promise<string> {
  const key = await suite.DeserializePublicKey(fromBase64Url(publicKey))
  const sealed = await suite.Seal(key, new TextEncoder().encode(plain), { aad: associatedData(to) })
  const all = new Uint8Array(ENCAPSULATED_BYTES + sealed.ciphertext.length)
  all.set(sealed.encapsulatedSecret)
  all.set(sealed.ciphertext, ENCAPSULATED_BYTES)
  return PREFIX + toBase64Url(all)
}

/** Opens a sealed value with the site's private key (raw, base64url). Throws when it was altered or sealed for something else. */
export async function open(privateKey: string, to: SealedFor, sealed: string): Promise<string> {
  if (!isSealed(sealed)) throw new Error(`${to.field} is not a sealed value`)
  const all = fromBase64Url(sealed.slice(PREFIX.length))
  try {
    const plain = await suite.Open(
      await importPair(privateKey),
      all.subarray(0, ENCAPSULATED_BYTES),
      all.subarray(ENCAPSULATED_BYTES),
      {
        aad: associatedData(to),
      },
    )
    return new TextDecoder().decode(plain)
  } catch (cause) {
    throw new Error(`${to.field} of node ${to.node} cannot be opened with this site key`, { cause })
  }
}

/** A new site key pair in base64url: the public half raw (32 bytes), the private one raw and followed by the public (64 bytes). */
export async function newSiteKey(): Promise<{ publicKey: string; privateKey: string }> {
  const pair = await suite.GenerateKeyPair(true)
  const publicKey = await suite.SerializePublicKey(pair.publicKey)
  const privateKey = await suite.SerializePrivateKey(pair.privateKey)
  return { publicKey: toBase64Url(publicKey), privateKey: toBase64Url(Uint8Array.of(...privateKey, ...publicKey)) }
}

/** Both halves, since WebCrypto cannot derive the public one from the private one everywhere. */
async function importPair(privateKey: string) {
  const bytes = fromBase64Url(privateKey)
  const d = toBase64Url(bytes.subarray(0, KEY_BYTES))
  const x = toBase64Url(bytes.subarray(KEY_BYTES))
  return {
    publicKey: await suite.DeserializePublicKey(bytes.subarray(KEY_BYTES)),
    privateKey: await crypto.subtle.importKey('jwk', { kty: 'OKP', crv: 'X25519', d, x }, 'X25519', false, [
      'deriveBits',
    ]),
  }
}

/** SHA-256 of a public key as 16 groups of 4 hex digits: what a person compares. */
export async function fingerprint(publicKey: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', fromBase64Url(publicKey)))
  const text = Array.from(digest, (b) => b.toString(16).padStart(2, '0')).join('')
  return text.match(/.{4}/g)!.join(' ')
}

function associatedData(to: SealedFor): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(['ferrule', to.organisation, to.site, to.node, to.field]))
}

export function toBase64Url(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  return Uint8Array.from(binary, (c) => c.charCodeAt(0))
}
