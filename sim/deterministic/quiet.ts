// Knows when everything that follows from one event has happened. Promises settle before the event loop goes on; WebCrypto does not:
// it works on other threads and answers in any order. 1. Its calls run one after another, so that their order is always the same.

let waiting = 0
let last: Promise<unknown> = Promise.resolve()

const METHODS = [
  'decrypt', 'deriveBits', 'deriveKey', 'digest', 'encrypt', 'exportKey', 'generateKey', 'importKey', 'sign', 'unwrapKey', 'verify', 'wrapKey',
] as const // prettier-ignore

const subtle = crypto.subtle as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
for (const method of METHODS) {
  const original = subtle[method]!.bind(crypto.subtle)
  subtle[method] = (...args) => {
    waiting++
    const answer = last.then(() => original(...args))
    last = answer.catch(() => undefined)
    return answer.finally(() => waiting--)
  }
}

/** Resolves when nothing is under way any more but what waits for the virtual clock. */
export async function quiet(): Promise<void> {
  do await new Promise<void>((resolve) => setImmediate(resolve))
  while (waiting > 0)
}
