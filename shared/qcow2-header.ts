// The header of a qcow2 file, versions 2 and 3 (QEMU docs/interop/qcow2.txt), all big-endian. What could make us read another file, or
// misread this one, is refused: backing file, external data file, encryption, corrupt mark, extended L2 entries, unknown features.
//   0 "QFI\xfb" | 4 version | 8 backing offset (8) | 16 backing size | 20 cluster bits | 24 virtual size (8) | 32 crypt | 36 L1 entries
//   40 L1 offset (8) | 48 refcount table (8) | 56 its clusters | 60 snapshots | 64 their offset (8)
//   v3: 72 incompatible (8) | 80 compatible (8) | 88 autoclear (8) | 96 refcount order | 100 header bytes | 104 compression type (1)
import { CodecError } from './codec-error.ts'

export const QCOW2_HEADER_BYTES = 112

export interface Qcow2Header {
  version: 2 | 3
  clusterBits: number
  virtualBytes: number
  l1Entries: number
  l1Offset: number
  compression: 'zlib' | 'zstd'
}

const INCOMPATIBLE: Record<number, string | undefined> = {
  0: undefined, // dirty: reference counts may be wrong, which a reader does not use
  1: 'is marked corrupt',
  2: 'keeps its data in another file',
  3: undefined, // compression type
  4: 'has extended L2 entries',
}
/** QEMU's own limit (32 MiB of L1 table). */
const MAX_L1_ENTRIES = 4 * 1024 * 1024

/** `bytes` is the start of the file, `fileBytes` its whole length. Throws CodecError and nothing else. */
export function decodeQcow2Header(bytes: Uint8Array, fileBytes: number): Qcow2Header {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 72 || view.getUint32(0) !== 0x514649fb) throw new CodecError('not a qcow2 image')
  const version = view.getUint32(4)
  if (version !== 2 && version !== 3) throw new CodecError(`qcow2 version ${version}`)
  if (version === 3 && bytes.length < 104) throw new CodecError('qcow2 header is cut short')
  if (view.getBigUint64(8) !== 0n || view.getUint32(16) !== 0) throw new CodecError('qcow2 image has a backing file')
  const clusterBits = view.getUint32(20)
  if (clusterBits < 9 || clusterBits > 21) throw new CodecError(`qcow2 clusters of 2^${clusterBits} bytes`)
  const crypt = view.getUint32(32)
  if (crypt !== 0) throw new CodecError('qcow2 image is encrypted')
  let compression: Qcow2Header['compression'] = 'zlib'
  if (version === 3) {
    const features = view.getBigUint64(72)
    for (let bit = 0; bit < 64; bit++) {
      if ((features & (1n << BigInt(bit))) === 0n) continue
      const why = bit in INCOMPATIBLE ? INCOMPATIBLE[bit] : `needs the unknown feature ${bit}`
      if (why) throw new CodecError(`qcow2 image ${why}`)
    }
    const headerBytes = view.getUint32(100)
    if (headerBytes < 104 || headerBytes > 2 ** clusterBits || headerBytes % 8 !== 0)
      throw new CodecError(`qcow2 header of ${headerBytes} bytes`)
    const type = headerBytes > 104 && bytes.length > 104 ? view.getUint8(104) : 0
    if (type > 1 || (type === 1) !== ((features & 8n) !== 0n)) throw new CodecError(`qcow2 compression type ${type}`)
    compression = type === 1 ? 'zstd' : 'zlib'
  }
  const size = view.getBigUint64(24)
  const l1Entries = view.getUint32(36)
  const l1Offset = view.getBigUint64(40)
  const clusterBytes = 2 ** clusterBits
  // An L1 entry stands for one L2 table, which is one cluster of 8-byte entries.
  const needed = (size + BigInt(clusterBytes * (clusterBytes / 8)) - 1n) / BigInt(clusterBytes * (clusterBytes / 8))
  if (size === 0n || size > BigInt(Number.MAX_SAFE_INTEGER)) throw new CodecError(`qcow2 virtual size ${size}`)
  if (l1Entries > MAX_L1_ENTRIES || BigInt(l1Entries) < needed)
    throw new CodecError(`qcow2 L1 table of ${l1Entries} entries for ${size} bytes`)
  if (l1Offset % BigInt(clusterBytes) !== 0n || l1Offset + BigInt(l1Entries) * 8n > BigInt(fileBytes)) {
    throw new CodecError('qcow2 L1 table is outside the file')
  }
  return {
    version,
    clusterBits,
    virtualBytes: Number(size),
    l1Entries: Number(needed),
    l1Offset: Number(l1Offset),
    compression,
  }
}
