// Writes part of a content to a response, no faster than the client takes it.
// Memory per transfer is two chunks whatever the size: one being read, one being written.
import type { ServerResponse } from 'node:http'
import type { FileHandle } from 'node:fs/promises'
import type { OpenContent, Patch } from './content.ts'

/** Large enough that reads and writes do not dominate; more gains nothing. */
const LARGEST_CHUNK_BYTES = 512 * 1024
const SMALLEST_CHUNK_BYTES = 64 * 1024
/** What all transfers together read ahead, as long as the smallest chunks allow it. */
const READ_AHEAD_BYTES = 32 << 20

/** The chunk of a transfer that starts as one of `transfers`: many at once get smaller ones, so that memory stays flat. */
export function chunkBytesFor(transfers: number): number {
  const fair = Math.floor(READ_AHEAD_BYTES / 2 / Math.max(transfers, 1))
  return Math.min(Math.max(fair, SMALLEST_CHUNK_BYTES), LARGEST_CHUNK_BYTES)
}

/** The client closed its connection, or took nothing for too long. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone'
}

/** Resolves once the last byte is handed to the operating system; rejects with ClientGone, or with what reading the file threw. */
export async function sendContent(
  response: ServerResponse,
  content: OpenContent,
  start: number,
  lengthBytes: number,
  chunkBytes: number,
  onSent: (bytes: number) => void,
): Promise<void> {
  const { source } = content
  if (source.kind === 'bytes') {
    await write(response, source.bytes.subarray(start, start + lengthBytes))
    onSent(lengthBytes)
    return
  }
  await sendFile(response, source, start, lengthBytes, chunkBytes, onSent)
}

async function sendFile(
  response: ServerResponse,
  { handle, patch }: { handle: FileHandle; patch?: Patch },
  start: number,
  lengthBytes: number,
  chunkBytes: number,
  onSent: (bytes: number) => void,
): Promise<void> {
  const end = start + lengthBytes
  const allocate = (): Buffer => Buffer.allocUnsafeSlow(Math.min(chunkBytes, lengthBytes))
  const buffers = [allocate(), allocate()] as const
  let turn = 0
  let at = start
  let reading = readFully(handle, buffers[0], at, end)
  while (at < end) {
    const chunk = await reading
    if (patch) putInto(chunk, at, patch)
    at += chunk.length
    turn = 1 - turn
    // The other buffer was written to the end in the round before.
    if (at < end) {
      reading = readFully(handle, buffers[turn as 0 | 1], at, end)
      // A failure is reported by the await above; until then it must not count as unhandled.
      reading.catch(() => {})
    }
    await write(response, chunk)
    onSent(chunk.length)
  }
}

/** `chunk`: of a file, from byte `at` on. */
function putInto(chunk: Uint8Array, at: number, { atByte, bytes }: Patch): void {
  const from = Math.max(at, atByte)
  const to = Math.min(at + chunk.length, atByte + bytes.length)
  if (from < to) chunk.set(bytes.subarray(from - atByte, to - atByte), from - at)
}

async function readFully(handle: FileHandle, buffer: Buffer, at: number, end: number): Promise<Buffer> {
  const wanted = Math.min(buffer.length, end - at)
  let have = 0
  while (have < wanted) {
    const { bytesRead } = await handle.read(buffer, have, wanted - have, at + have)
    if (bytesRead === 0) throw new Error('the file became shorter while it was sent')
    have += bytesRead
  }
  return buffer.subarray(0, wanted)
}

function write(response: ServerResponse, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    if (response.destroyed) {
      reject(new ClientGone('the client closed the connection'))
      return
    }
    const onClose = (): void => reject(new ClientGone('the client closed the connection'))
    response.once('close', onClose)
    // The callback comes when the socket has taken the bytes: that is the backpressure.
    response.write(bytes, (error) => {
      response.off('close', onClose)
      if (error) reject(new ClientGone(error.message))
      else resolve()
    })
  })
}
