// An image from its URL onto a disk: fetched, hashed, checked and written in one process. The order of checks is the security of it:
// 1. length and format before the first write, 2. digest of every byte before the disk can boot, 3. digest before a qcow2 is interpreted.
import type { ImageInfo } from '../../shared/agent-protocol.ts'
import { AgentFault } from '../fault.ts'
import { alignedBuffer, CHUNK_BYTES } from './aligned.ts'
import type { BlockTarget } from './block-target.ts'
import { openChunkPipe } from './chunk-pipe.ts'
import { CodecError } from '../../shared/codec-error.ts'
import { CHECKSUM_FILE_BYTES, digestIn, isChecksumUrl } from '../../shared/checksum-file.ts'
import type { ExpectedDigest } from './digest.ts'
import { expectedDigest } from './digest.ts'
import type { DownloadOptions } from './download.ts'
import { download } from './download.ts'
import { formatLie, SNIFF_BYTES, sniffFormat } from '../../shared/image-format.ts'
import type { ImageWriter } from './image-writer.ts'
import { openImageWriter } from './image-writer.ts'
import { openQcow2 } from './qcow2.ts'
import type { RandomAccess } from './qcow2.ts'
import { chooseSpool, memoryBudget } from './spool.ts'

export interface WriteImageOptions {
  image: ImageInfo
  target: BlockTarget
  /** config.permitted_image_formats; undefined permits all that we write. */
  permittedFormats?: string[] | undefined
  caPem?: string | undefined
  memAvailableBytes: number
  signal: AbortSignal
  random(): number
  log(message: string): void
  progress(step: string, bytes: number, total?: number): void
  /** Overrides for tests and for the operator's kernel parameters. */
  download?: Partial<
    Pick<DownloadOptions, 'connectTimeoutMs' | 'stallWindowMs' | 'minWindowBytes' | 'tries' | 'retryDelayMs'>
  >
}

export interface WrittenImage {
  /** Bytes fetched, and bytes of disk that the image now covers. */
  fetchedBytes: number
  imageBytes: number
  digest: ExpectedDigest
}

const WIPED_BYTES = 1024 * 1024

const aborted = (signal: AbortSignal) => {
  if (signal.aborted) throw new AgentFault('CommandAborted', 'aborted while writing the image; the disk does not boot')
}

function authorization(image: ImageInfo): string | undefined {
  if (image.image_request_authorization)
    return Buffer.from(image.image_request_authorization, 'base64').toString('latin1').trim()
  if (!image.image_server_auth_strategy || image.image_server_auth_strategy === 'noauth') return undefined
  const pair = `${image.image_server_user ?? ''}:${image.image_server_password ?? ''}`
  return `Basic ${Buffer.from(pair).toString('base64')}`
}

/** What was there before does not boot either: nobody ordered that. */
async function mismatch(target: BlockTarget, expected: ExpectedDigest, actual: string): Promise<AgentFault> {
  await target.zero(0, Math.min(WIPED_BYTES, target.sizeBytes))
  await target.flush()
  const { algorithm, hex } = expected
  return new AgentFault(
    'ImageChecksumError',
    `the image has another ${algorithm} digest than it should`,
    `expected ${hex}, got ${actual}`,
  )
}

/** Throws when the bytes are not what image_info says, or may not be written here. */
function checkFormat(options: WriteImageOptions, head: Uint8Array): void {
  const sniffed = sniffFormat(head)
  const declared = options.image.disk_format.toLowerCase()
  const lie = formatLie(declared, sniffed)
  if (lie) throw new AgentFault('InvalidImage', lie)
  const permitted = options.permittedFormats
  if (permitted && !permitted.includes(sniffed) && !permitted.includes(declared)) {
    throw new AgentFault('InvalidImage', `images of format ${sniffed} are not permitted here (${permitted.join(', ')})`)
  }
}

/** Writes the image and makes the disk bootable. Faults: see fault.ts; after each of them the start of the disk is blank. */
export async function writeImage(options: WriteImageOptions): Promise<WrittenImage> {
  const declared = options.image.disk_format.toLowerCase()
  if (options.image.image_type === 'partition') {
    throw new AgentFault('InvalidImage', 'partition images are not written by this agent; use a whole-disk image')
  }
  const expected = expectedDigest(await withDigest(options))
  if (options.image.proxies && Object.keys(options.image.proxies).length > 0)
    options.log('image: proxies are not used by this agent')
  const early = formatLie(declared, declared === 'qcow2' ? 'qcow2' : declared === 'iso' ? 'iso' : 'gpt')
  if (early) throw new AgentFault('InvalidImage', early)
  return declared === 'qcow2' ? writeQcow2(options, expected) : writeRaw(options, expected)
}

/** The image with the digest that the file at its checksum says, where that is a URL: read before a byte of the image. */
async function withDigest({ image, ...options }: WriteImageOptions): Promise<ImageInfo> {
  const field = image.os_hash_value ? 'os_hash_value' : 'checksum'
  const url = image[field]?.trim() ?? ''
  const [source] = image.urls
  if (!isChecksumUrl(url) || source === undefined) return image
  const parts: Uint8Array[] = []
  const isSameServer = URL.parse(url)?.origin === URL.parse(source)?.origin
  await download({
    ...options.download,
    urls: [url],
    authorization: isSameServer ? authorization(image) : undefined,
    caPem: options.caPem,
    what: 'file of checksums',
    maxBytes: CHECKSUM_FILE_BYTES,
    signal: options.signal,
    log: options.log,
    push: (bytes) => void parts.push(bytes.slice()),
  })
  const digest = digestIn(Buffer.concat(parts).toString('utf8'), source)
  if (digest === undefined) throw new AgentFault('ImageChecksumError', `the file at ${url} has no digest of the image`)
  return { ...image, [field]: digest }
}

async function writeRaw(options: WriteImageOptions, digest: ExpectedDigest): Promise<WrittenImage> {
  const { target, progress } = options
  let total: number | undefined
  // The first chunk opens the writer, after a look at the format; the others wait for that, not for each other.
  let opening: Promise<ImageWriter> | undefined
  const openWriter = async (head: Uint8Array) => {
    checkFormat(options, head)
    return openImageWriter(target, options.random, total)
  }
  const pipe = openChunkPipe(digest.algorithm, async (chunk, offset) => {
    opening ??= openWriter(chunk.subarray(0, SNIFF_BYTES))
    await (await opening).write(chunk, offset)
  })
  try {
    const fetchedBytes = await fetchInto(options, target.sizeBytes, pipe, (bytes) => {
      total = bytes
    })
    const actual = await pipe.finish()
    aborted(options.signal)
    if (actual !== digest.hex) throw await mismatch(target, digest, actual)
    await (await opening)?.seal()
    progress('write_image', fetchedBytes, fetchedBytes)
    return { fetchedBytes, imageBytes: fetchedBytes, digest }
  } finally {
    await pipe.close()
  }
}

async function fetchInto(
  options: WriteImageOptions,
  maxBytes: number,
  pipe: ReturnType<typeof openChunkPipe>,
  onLength: (bytes: number | undefined) => void,
): Promise<number> {
  let total: number | undefined
  let reported = 0
  const report = () => {
    if (pipe.bytes - reported < CHUNK_BYTES) return
    reported = pipe.bytes
    options.progress('write_image', reported, total)
  }
  const fetched = await download({
    ...options.download,
    urls: options.image.urls,
    authorization: authorization(options.image),
    caPem: options.caPem,
    maxBytes,
    signal: options.signal,
    log: options.log,
    onLength(bytes) {
      total = bytes
      onLength(bytes)
    },
    push(bytes) {
      const wait = pipe.push(bytes)
      report()
      return wait
    },
    space: () => pipe.space(),
    filled(bytes) {
      const wait = pipe.filled(bytes)
      report()
      return wait
    },
  })
  if (fetched === 0) throw new AgentFault('InvalidImage', 'the image is empty')
  return fetched
}

async function writeQcow2(options: WriteImageOptions, digest: ExpectedDigest): Promise<WrittenImage> {
  const { target, memAvailableBytes } = options
  let spool = chooseSpool(undefined, memAvailableBytes, target)
  const pipe = openChunkPipe(digest.algorithm, (chunk, offset) => spool.store(chunk, offset), 3)
  try {
    const limit = Math.max(memoryBudget(memAvailableBytes), target.sizeBytes)
    const fetchedBytes = await fetchInto(options, limit, pipe, (bytes) => {
      spool = chooseSpool(bytes, memAvailableBytes, target)
      options.log(`image: ${bytes ?? 'an unknown number of'} bytes wait in ${spool.where} until their digest is known`)
    })
    const actual = await pipe.finish()
    aborted(options.signal)
    if (actual !== digest.hex) throw await mismatch(target, digest, actual)
    const imageBytes = await convert(options, spool.file(fetchedBytes), spool.freeBelow)
    return { fetchedBytes, imageBytes, digest }
  } finally {
    await pipe.close()
  }
}

/** Verified qcow2 → disk. At most `freeBelow` bytes of the disk may be used. */
async function convert(options: WriteImageOptions, file: RandomAccess, freeBelow: number): Promise<number> {
  const { target, signal } = options
  try {
    checkFormat(options, await file.read(0, Math.min(SNIFF_BYTES, file.bytes)))
    const image = await openQcow2(file)
    const { virtualBytes } = image
    if (virtualBytes > target.sizeBytes) {
      throw new AgentFault(
        'DiskTooSmall',
        `the image unpacks to ${virtualBytes} bytes, ${target.path} has ${target.sizeBytes}`,
      )
    }
    if (virtualBytes > freeBelow) {
      throw new AgentFault(
        'DiskTooSmall',
        `the image unpacks to ${virtualBytes} bytes, which would overwrite its own copy at ${freeBelow}; serve it raw`,
      )
    }
    const writer = await openImageWriter(target, options.random, virtualBytes, freeBelow)
    const slots = Array.from({ length: 4 }, () => ({ memory: alignedBuffer(CHUNK_BYTES), busy: Promise.resolve() }))
    for (let offset = 0, turn = 0; offset < virtualBytes; offset += CHUNK_BYTES, turn++) {
      aborted(signal)
      const slot = slots[turn % slots.length]!
      await slot.busy
      const chunk = slot.memory.subarray(0, Math.min(CHUNK_BYTES, virtualBytes - offset))
      if (await image.readGuest(chunk, offset)) slot.busy = writer.write(chunk, offset)
      else await writer.zeros(offset, chunk.length)
      // A failure surfaces when the slot's turn comes again, or below.
      slot.busy.catch(() => {})
      options.progress('convert', offset + chunk.length, virtualBytes)
    }
    await Promise.all(slots.map((slot) => slot.busy))
    await writer.seal()
    return virtualBytes
  } catch (error) {
    if (error instanceof CodecError) throw new AgentFault('InvalidImage', error.message)
    throw error
  }
}
