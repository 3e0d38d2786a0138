// Reads the guest's bytes out of a qcow2 file. Nothing here is run before the file's digest has been verified.
// 1. Every offset is checked against the file's length. 2. A cluster inflates to at most one cluster. 3. Tables are read as they are needed.
import { promisify } from 'node:util'
import { inflateRaw, zstdDecompress } from 'node:zlib'
import { CodecError } from '../../shared/codec-error.ts'
import type { Qcow2Header } from '../../shared/qcow2-header.ts'
import { decodeQcow2Header, QCOW2_HEADER_BYTES } from '../../shared/qcow2-header.ts'

/** A file that is kept somewhere while it is being read. */
export interface RandomAccess {
  readonly bytes: number
  /** Exactly `length` bytes at `offset`; both were checked by the caller. */
  read(offset: number, length: number): Promise<Buffer>
}

export interface Qcow2Image extends Qcow2Header {
  /** Fills `into` with guest bytes from `guestOffset` (a multiple of the cluster size). False: all of it is zeros and nothing was filled in. */
  readGuest(into: Uint8Array, guestOffset: number): Promise<boolean>
}

const inflate = promisify(inflateRaw) as (
  bytes: Buffer,
  options: { maxOutputLength: number; chunkSize: number },
) => Promise<Buffer>
const unzstd = promisify(zstdDecompress) as (
  bytes: Buffer,
  options: { maxOutputLength: number; chunkSize: number },
) => Promise<Buffer>

const OFFSET_MASK = 0x00ff_ffff_ffff_fe00n
const COMPRESSED = 1n << 62n
const ZERO = 1n

/** Length of the first zstd frame (RFC 8878 §3.1.1), since what follows it in the file is padding or another cluster. */
export function zstdFrameBytes(bytes: Buffer): number {
  const need = (end: number) => {
    if (end > bytes.length) throw new CodecError('zstd frame is cut short')
  }
  need(5)
  if (bytes.readUInt32LE(0) !== 0xfd2fb528) throw new CodecError('not a zstd frame')
  const descriptor = bytes.readUInt8(4)
  const single = (descriptor & 0x20) !== 0
  const sizeField = [single ? 1 : 0, 2, 4, 8][descriptor >> 6]!
  let at = 5 + (single ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]! + sizeField
  for (let last = false; !last;) {
    need(at + 3)
    const block = bytes.readUIntLE(at, 3)
    last = (block & 1) === 1
    const type = (block >> 1) & 3
    if (type === 3) throw new CodecError('zstd block of a reserved type')
    at += 3 + (type === 1 ? 1 : block >> 3)
  }
  at += (descriptor & 4) !== 0 ? 4 : 0
  need(at)
  return at
}

/** Throws CodecError for anything that is not a qcow2 image that we read (see qcow2-header.ts). */
export async function openQcow2(file: RandomAccess): Promise<Qcow2Image> {
  const header = decodeQcow2Header(await file.read(0, Math.min(QCOW2_HEADER_BYTES, file.bytes)), file.bytes)
  const clusterBytes = 2 ** header.clusterBits
  const perTable = clusterBytes / 8
  const l1 = await file.read(header.l1Offset, header.l1Entries * 8)
  const compressedOffsetBits = BigInt(62 - (header.clusterBits - 8))
  let cachedIndex = -1
  let cachedTable: Buffer | undefined

  const inFile = (offset: number, length: number, what: string) => {
    if (offset + length > file.bytes) throw new CodecError(`qcow2 ${what} at ${offset} is outside the file`)
  }

  /** The L2 table for a cluster; undefined when the L1 table has none. */
  const tableFor = async (l1Index: number): Promise<Buffer | undefined> => {
    if (l1Index === cachedIndex) return cachedTable
    const offset = Number(l1.readBigUInt64BE(l1Index * 8) & OFFSET_MASK)
    if (offset % clusterBytes !== 0) throw new CodecError(`qcow2 L2 table at ${offset} is not on a cluster`)
    if (offset !== 0) inFile(offset, clusterBytes, 'L2 table')
    cachedTable = offset === 0 ? undefined : await file.read(offset, clusterBytes)
    cachedIndex = l1Index
    return cachedTable
  }

  const readCompressed = async (entry: bigint, into: Uint8Array): Promise<void> => {
    const offset = Number(entry & ((1n << compressedOffsetBits) - 1n))
    const sectors = Number((entry & (COMPRESSED - 1n)) >> compressedOffsetBits) + 1
    if (offset >= file.bytes) throw new CodecError(`qcow2 compressed cluster at ${offset} is outside the file`)
    // The last sector may be counted although the file ends before it.
    const length = Math.min(sectors * 512 - (offset % 512), file.bytes - offset)
    const packed = await file.read(offset, length)
    try {
      // One chunk: a cluster is one turn of the thread pool, not four.
      const limit = { maxOutputLength: clusterBytes, chunkSize: clusterBytes }
      const plain =
        header.compression === 'zlib'
          ? await inflate(packed, limit)
          : await unzstd(packed.subarray(0, zstdFrameBytes(packed)), limit)
      if (plain.length !== clusterBytes) throw new CodecError(`it holds ${plain.length} bytes`)
      into.set(plain.subarray(0, into.length))
    } catch (error) {
      throw new CodecError(`qcow2 compressed cluster at ${offset}: ${(error as Error).message}`)
    }
  }

  return {
    ...header,
    async readGuest(into, guestOffset) {
      const jobs: Promise<unknown>[] = []
      const holes: [number, number][] = []
      /** Neighbours in the guest that are neighbours in the file are read at once. */
      let run: { host: number; at: number; length: number } | undefined
      const start = (job: Promise<unknown>) => {
        job.catch(() => {}) // whoever awaits it may still be at the tables
        jobs.push(job)
      }
      const readRun = () => {
        if (!run) return
        const { host, at, length } = run
        run = undefined
        // A file may end inside its last cluster; the rest of that cluster is zeros.
        const there = Math.min(length, file.bytes - host)
        start(file.read(host, there).then((data) => into.set(data, at)))
        if (there < length) holes.push([at + there, at + length])
      }
      const walk = async () => {
        for (let at = 0; at < into.length; at += clusterBytes) {
          const length = Math.min(clusterBytes, into.length - at)
          const cluster = (guestOffset + at) / clusterBytes
          const table = await tableFor(Math.floor(cluster / perTable))
          const entry = table?.readBigUInt64BE((cluster % perTable) * 8) ?? 0n
          if ((entry & COMPRESSED) !== 0n) {
            readRun()
            start(readCompressed(entry, into.subarray(at, at + length)))
            continue
          }
          const host = Number(entry & OFFSET_MASK)
          if (host === 0 || (header.version === 3 && (entry & ZERO) !== 0n)) {
            readRun()
            holes.push([at, at + length])
            continue
          }
          if (host % clusterBytes !== 0) throw new CodecError(`qcow2 cluster at ${host} is not on a cluster`)
          inFile(host, 1, 'cluster')
          if (run && run.host + run.length === host) run.length += length
          else {
            readRun()
            run = { host, at, length }
          }
        }
        readRun()
      }
      const [walked] = await Promise.allSettled([walk()])
      await settle(jobs)
      if (walked.status === 'rejected') throw walked.reason
      if (jobs.length === 0) return false
      for (const [from, to] of holes) into.fill(0, from, to)
      return true
    },
  }
}

/** All have ended before the first failure is reported, so that nobody writes into memory that was given back. */
async function settle(jobs: Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(jobs)).find((outcome) => outcome.status === 'rejected')
  if (failed) throw failed.reason
}
