// A digest computed on another core: chunks of shared memory go in, and each is done with when its promise resolves.
import { Worker } from 'node:worker_threads'
import type { DigestAlgorithm } from './digest.ts'

type Message = { chunk: Uint8Array } | { end: true }

/** The thread's whole program. It stands alone (its text is sent to the thread), so it refers to nothing outside itself. */
function hashLoop() {
  const { createHash } = process.getBuiltinModule('node:crypto')
  const { parentPort, workerData } = process.getBuiltinModule('node:worker_threads')
  const hash = createHash(workerData as string)
  parentPort!.on('message', (message: Message) => {
    if ('end' in message) return parentPort!.postMessage(hash.digest('hex'))
    hash.update(message.chunk)
    return parentPort!.postMessage(null)
  })
}

export interface HashThread {
  /** Resolves when the bytes have been taken in; until then they must not change. Order of calls is order of hashing. */
  update(chunk: Uint8Array<SharedArrayBuffer>): Promise<void>
  /** Lower-case hexadecimal. */
  digest(): Promise<string>
  /** Always call it; an unfinished thread is ended. */
  close(): Promise<void>
}

export function startHashThread(algorithm: DigestAlgorithm): HashThread {
  const worker = new Worker(`(${hashLoop.toString()})()`, { eval: true, workerData: algorithm })
  const waiting: { resolve(value: string | null): void; reject(error: Error): void }[] = []
  let failure: Error | undefined
  worker.on('message', (value: string | null) => waiting.shift()?.resolve(value))
  const fail = (error: Error) => {
    failure = error
    for (const waiter of waiting.splice(0)) waiter.reject(error)
  }
  worker.on('error', fail)
  worker.on('exit', () => fail(new Error('the hashing thread ended')))
  const ask = (message: Message) =>
    new Promise<string | null>((resolve, reject) => {
      if (failure) return reject(failure)
      waiting.push({ resolve, reject })
      return worker.postMessage(message)
    })
  return {
    update: async (chunk) => void (await ask({ chunk })),
    digest: async () => (await ask({ end: true })) ?? '',
    close: async () => void (await worker.terminate()),
  }
}
