// What a route serves: bytes in memory or made for the occasion (scripts, loaders), or a file on disk (kernels, ramdisks, images). A file is opened
// for each answer, and its size and tag come from that one descriptor, so a file replaced meanwhile is never mixed.
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'

export type Content =
  /** `once`: the first GET has it, and another one only where that came to nothing. */
  | { kind: 'bytes'; bytes: Uint8Array; contentType: string; once?: true }
  /** Made anew for each answer, and kept nowhere: it may hold secrets. */
  | { kind: 'made'; make: () => Promise<Uint8Array>; contentType: string }
  /** `path` is absolute and chosen by the caller, never by a client. */
  | { kind: 'file'; path: string; contentType: string; patch?: Patch }

/** Bytes that are served instead of what the file has there: one file, many boots. */
export interface Patch {
  readonly atByte: number
  readonly bytes: Uint8Array
}

export interface OpenContent {
  sizeBytes: number
  /** Strong (RFC 9110 §8.8.3): differs whenever the bytes may differ. */
  etag: string
  contentType: string
  source: { kind: 'bytes'; bytes: Uint8Array } | { kind: 'file'; handle: FileHandle; patch?: Patch }
  close(): Promise<void>
}

/** Throws what opening throws; a directory, FIFO or device is an error too. */
export async function openContent(content: Content): Promise<OpenContent> {
  const { contentType } = content
  if (content.kind !== 'file') {
    const bytes = content.kind === 'made' ? await content.make() : content.bytes
    const etag = `"${digestOf(bytes)}"`
    return { sizeBytes: bytes.length, etag, contentType, source: { kind: 'bytes', bytes }, close: async () => {} }
  }
  // O_NONBLOCK: a FIFO in the file's place would hang the open otherwise.
  const handle = await open(content.path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const status = await handle.stat({ bigint: true })
    if (!status.isFile()) throw new Error('not a regular file')
    const { patch } = content
    const version = [status.ino, status.size, status.mtimeNs].map((part) => part.toString(36))
    const etag = `"${[...version, ...(patch ? [digestOf(patch.bytes)] : [])].join('-')}"`
    return {
      sizeBytes: Number(status.size),
      etag,
      contentType,
      source: { kind: 'file', handle, ...(patch && { patch }) },
      close: () => handle.close(),
    }
  } catch (error) {
    await handle.close()
    throw error
  }
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64url').slice(0, 22)
}
