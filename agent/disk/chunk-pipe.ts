// Bytes of any size in, aligned chunks out, hashed and stored at the same time. A few chunks are in flight; push() says when to wait.
// Invariant: a chunk's memory is reused only when both the hash and the store are done with it.
import { alignedBuffer, CHUNK_BYTES } from './aligned.ts'
import type { DigestAlgorithm } from './digest.ts'
import { type HashThread, startHashThread } from './hash-thread.ts'

const nothing = new Uint8Array(0)

export interface ChunkPipe {
  /** Bytes taken in so far. */
  readonly bytes: number
  /** Takes the bytes (they may be reused afterwards). A promise means: nothing more before it resolves. */
  push(bytes: Uint8Array): Promise<void> | undefined
  /** The other way in, without a copy: fill what space() gives from its start, then say how far. */
  space(): Uint8Array
  filled(bytes: number): Promise<void> | undefined
  /** Stores the last, shorter chunk and gives the digest (lower-case hexadecimal) of all bytes. */
  finish(): Promise<string>
  close(): Promise<void>
}

/** `store(chunk, offset)` is called in order; the next call does not wait for the last one's promise. `depth` chunks of 4 MiB are used. */
export function openChunkPipe(
  algorithm: DigestAlgorithm,
  store: (chunk: Uint8Array<SharedArrayBuffer>, offset: number) => Promise<void>,
  depth = 6,
): ChunkPipe {
  // Started with the first chunk: until then the processor that it would take is wanted for asking for the bytes.
  let thread: HashThread | undefined
  const hash = () => (thread ??= startHashThread(algorithm))
  const free = Array.from({ length: depth }, () => alignedBuffer(CHUNK_BYTES))
  const inFlight = new Set<Promise<void>>()
  let current = free.pop()!
  let filled = 0
  let offset = 0
  let failure: unknown
  let wake: (() => void) | undefined

  const send = (slot: Uint8Array<SharedArrayBuffer>, length: number) => {
    const chunk = slot.subarray(0, length)
    const at = offset
    const work = async () => {
      try {
        await Promise.all([hash().update(chunk), store(chunk, at)])
      } catch (error) {
        failure ??= error
      }
      inFlight.delete(settled)
      free.push(slot)
      wake?.()
    }
    const settled = work()
    offset += length
    inFlight.add(settled)
  }

  const freeSlot = async () => {
    while (free.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    if (failure !== undefined) throw failure
    return free.pop()!
  }

  const pushRest = async (bytes: Uint8Array): Promise<void> => {
    current = await freeSlot()
    filled = 0
    await pipe.push(bytes)
  }

  const pipe: ChunkPipe = {
    get bytes() {
      return offset + filled
    },
    space: () => current.subarray(filled),
    filled(bytes) {
      if (failure !== undefined) throw failure
      filled += bytes
      if (filled < CHUNK_BYTES) return undefined
      send(current, filled)
      filled = 0
      const next = free.pop()
      if (!next) return pushRest(nothing)
      current = next
      return undefined
    },
    push(bytes) {
      if (failure !== undefined) throw failure
      let rest = bytes
      while (rest.length > 0) {
        const part = rest.subarray(0, CHUNK_BYTES - filled)
        current.set(part, filled)
        filled += part.length
        rest = rest.subarray(part.length)
        if (filled < CHUNK_BYTES) continue
        send(current, filled)
        filled = 0
        const next = free.pop()
        if (!next) return pushRest(rest)
        current = next
      }
      return undefined
    },
    async finish() {
      if (filled > 0) send(current, filled)
      filled = 0
      await Promise.all(inFlight)
      if (failure !== undefined) throw failure
      return hash().digest()
    },
    async close() {
      await Promise.all(inFlight)
      await thread?.close()
    },
  }
  return pipe
}
