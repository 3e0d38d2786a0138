// Knows when everything that follows from one event has happened. Promises settle before the event loop goes on; WebCrypto does not: it
// works on other threads and answers in any order. 1. What the protocol does again and again is done at once, by the same OpenSSL; of the
// other calls one runs after another, so that their order is always the same.
import { createHash, createHmac, diffieHellman, KeyObject, sign } from 'node:crypto'

let waiting = 0
let last: Promise<unknown> = Promise.resolve()

type Args = readonly unknown[]
type Call = (...args: Args) => Promise<unknown>
type Named = string | { readonly name: string }

const subtle = crypto.subtle as unknown as Record<string, Call>
const nameOf = (algorithm: unknown) =>
  typeof algorithm === 'string' ? algorithm : (algorithm as Exclude<Named, string>).name
const bytesOf = (buffer: Buffer) => buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.length)
const hashOf = (algorithm: unknown) => nameOf(algorithm).replace('-', '').toLowerCase()
const keyOf = (key: unknown) => KeyObject.from(key as CryptoKey)

/** By method: what it would answer, or undefined for what only WebCrypto does. */
const AT_ONCE: Readonly<Record<string, (...args: Args) => ArrayBufferLike | undefined>> = {
  digest: (algorithm, data) =>
    bytesOf(
      createHash(hashOf(algorithm))
        .update(data as Uint8Array)
        .digest(),
    ),
  sign: (algorithm, key, data) => {
    const { hash } = (key as CryptoKey).algorithm as { hash?: Named }
    if (nameOf(algorithm) === 'HMAC')
      return bytesOf(
        createHmac(hashOf(hash), keyOf(key))
          .update(data as Uint8Array)
          .digest(),
      )
    return nameOf(algorithm) === 'Ed25519' ? bytesOf(sign(null, data as Uint8Array, keyOf(key))) : undefined
  },
  deriveBits: (algorithm, key) =>
    nameOf(algorithm) === 'X25519'
      ? bytesOf(
          diffieHellman({
            privateKey: keyOf(key),
            publicKey: keyOf((algorithm as unknown as { public: unknown }).public),
          }),
        )
      : undefined,
}

/** The argument that says whether a key may be exported: here all may, for only then does node:crypto take them. */
const EXTRACTABLE = { importKey: 3, generateKey: 1 }

const METHODS = [
  'decrypt', 'deriveBits', 'deriveKey', 'digest', 'encrypt', 'exportKey', 'generateKey', 'sign', 'unwrapKey', 'verify', 'wrapKey',
] as const // prettier-ignore

for (const method of METHODS) {
  const original = subtle[method]!.bind(crypto.subtle)
  subtle[method] = (...given) => {
    const answered = AT_ONCE[method]?.(...given)
    const args = method === 'generateKey' ? given.with(EXTRACTABLE.generateKey, true) : given
    if (answered !== undefined) return Promise.resolve(answered)
    waiting++
    const answer = last.then(() => original(...args))
    last = answer.catch(() => undefined)
    return answer.finally(() => waiting--)
  }
}
// No import needs another thread: it is over when the promises are.
const importKey = subtle['importKey']!.bind(crypto.subtle)
subtle['importKey'] = (...args) => importKey(...args.with(EXTRACTABLE.importKey, true))

/** Resolves when nothing is under way any more but what waits for the virtual clock. */
export async function quiet(): Promise<void> {
  // A tick of Node's comes when no promise is left that could settle.
  await new Promise<void>((resolve) => process.nextTick(resolve))
  while (waiting > 0) await new Promise<void>((resolve) => setImmediate(resolve))
}
