// Memory that starts on a page boundary, which O_DIRECT wants. The language has one source of it: WebAssembly memory. It is shared, so that
// the hashing thread reads the same bytes that the disk gets.

// The compiler's list of globals has no WebAssembly without the browser's.
declare const WebAssembly: {
  Memory: new (limits: { initial: number; maximum: number; shared: boolean }) => { readonly buffer: SharedArrayBuffer }
}

/** Unit of bulk transfers: large enough that neither the thread pool nor a spindle's rotation shows. */
export const CHUNK_BYTES = 4 * 1024 * 1024
const WASM_PAGE_BYTES = 65_536

/** `bytes` zeroed bytes starting on a page boundary. */
export function alignedBuffer(bytes: number): Uint8Array<SharedArrayBuffer> {
  const pages = Math.ceil(bytes / WASM_PAGE_BYTES)
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
  return new Uint8Array(memory.buffer, 0, bytes)
}

const zeroChunk = Buffer.alloc(CHUNK_BYTES)

/** Whether every byte is zero; stops at the first one that is not. */
export function isZero(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    const part = bytes.subarray(at, at + CHUNK_BYTES)
    if (Buffer.compare(part, part.length === CHUNK_BYTES ? zeroChunk : zeroChunk.subarray(0, part.length)) !== 0)
      return false
  }
  return true
}
