// The signed upgrade request with which a conductor opens its socket, and the subprotocol and close codes of that socket.
// The signature is checked by the stateless edge before any hub wakes (ownership.md, security.md).
import { fromBase64Url, toBase64Url } from './sealing.ts'

export const SUBPROTOCOL = 'ferrule.1'
export const CONNECT_PATH = '/v1/conductor/connect'
export const ENROL_PATH = '/v1/conductor/enrol'

/** WebSocket close codes (RFC 6455 §7.4.2, private range). Only `slowDown` and `superseded` are worth an automatic retry. */
export const CLOSE = {
  identity: 4401,
  revoked: 4403,
  /** Another socket of the same conductor said hello: a reconnect of its own, or a clone. */
  conflict: 4409,
  /** The session is over (its lease lapsed, or the hub forgot it): say hello again. */
  superseded: 4410,
  upgradeRequired: 4426,
  slowDown: 4429,
  malformed: 4400,
  /** RFC 6455's own: the conductor said goodbye, and the hub has heard it. */
  goodbye: 1000,
} as const

/** How far the conductor's clock may be off before its signature is refused. */
export const MAX_CLOCK_SKEW_MS = 5 * 60_000

export interface UpgradeIdentity {
  /** Conductor id (UUID). */
  readonly conductor: string
  /** UUID of this run of the process. */
  readonly incarnation: string
  /** ms since 1970, the conductor's clock. */
  readonly at: number
}

const HEADERS = {
  conductor: 'ferrule-conductor',
  incarnation: 'ferrule-incarnation',
  at: 'ferrule-time',
  signature: 'ferrule-signature',
} as const

/** Headers of the upgrade request to `url`, signed with the conductor's Ed25519 key (PKCS #8, base64url). */
export async function signUpgrade(
  privateKey: string,
  url: string,
  identity: UpgradeIdentity,
): Promise<Record<string, string>> {
  const key = await crypto.subtle.importKey('pkcs8', fromBase64Url(privateKey), 'Ed25519', false, ['sign'])
  const signature = await crypto.subtle.sign('Ed25519', key, signedText(url, identity))
  return {
    [HEADERS.conductor]: identity.conductor,
    [HEADERS.incarnation]: identity.incarnation,
    [HEADERS.at]: String(identity.at),
    [HEADERS.signature]: toBase64Url(new Uint8Array(signature)),
  }
}

/** The identity that an upgrade request claims; undefined when headers are missing or misshapen. */
export function claimedIdentity(headers: Headers): (UpgradeIdentity & { signature: string }) | undefined {
  const [conductor, incarnation, at, signature] = [
    HEADERS.conductor,
    HEADERS.incarnation,
    HEADERS.at,
    HEADERS.signature,
  ].map((name) => headers.get(name) ?? '')
  if (!conductor || !incarnation || !/^\d{1,15}$/.test(at ?? '') || !signature) return undefined
  return { conductor, incarnation, at: Number(at), signature }
}

/** Was this upgrade request for `url` signed by the holder of `publicKey` (raw Ed25519, base64url)? */
export async function verifyUpgrade(
  publicKey: string,
  url: string,
  claim: UpgradeIdentity & { signature: string },
): Promise<boolean> {
  try {
    const key = await crypto.subtle.importKey('raw', fromBase64Url(publicKey), 'Ed25519', false, ['verify'])
    return await crypto.subtle.verify('Ed25519', key, fromBase64Url(claim.signature), signedText(url, claim))
  } catch {
    return false
  }
}

/** A new Ed25519 identity: public half raw, private half PKCS #8, both base64url. */
export async function newIdentity(): Promise<{ publicKey: string; privateKey: string }> {
  const pair = (await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])) as CryptoKeyPair
  return {
    publicKey: toBase64Url(new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey))),
    privateKey: toBase64Url(new Uint8Array(await crypto.subtle.exportKey('pkcs8', pair.privateKey))),
  }
}

// Host and path, not the scheme: a TLS terminator in front of the cloud turns wss into http.
function signedText(url: string, identity: UpgradeIdentity): Uint8Array<ArrayBuffer> {
  const { host, pathname, search } = new URL(url)
  const lines = [
    SUBPROTOCOL,
    'GET',
    `${host}${pathname}${search}`,
    identity.conductor,
    identity.incarnation,
    identity.at,
  ]
  return new TextEncoder().encode(lines.join('\n'))
}
