// Which file system begins somewhere on a disk, of those that files are written into: by their own marks, without mounting anything.
import { volumeLabel } from './config-drive.ts'
import type { BlockTarget } from './block-target.ts'

/** As `mount -t` calls it. */
export type FileSystem = 'ext4' | 'xfs' | 'btrfs' | 'vfat'

const HEAD_BYTES = 65 * 1024 + 4096

/** Undefined where it is none of them. */
export async function fileSystemAt(
  target: BlockTarget,
  { startBytes, sizeBytes }: { readonly startBytes: number; readonly sizeBytes: number },
): Promise<FileSystem | undefined> {
  if (sizeBytes < HEAD_BYTES || startBytes + HEAD_BYTES > target.sizeBytes) return undefined
  const head = Buffer.alloc(HEAD_BYTES)
  await target.read(head, startBytes)
  // Documentation/filesystems/ext4/super.rst: s_magic at 0x38 of the superblock at 1024; ext2 and ext3 are the same driver's.
  if (head.readUInt16LE(1024 + 0x38) === 0xef53) return 'ext4'
  if (head.toString('latin1', 0, 4) === 'XFSB') return 'xfs'
  // The superblock is at 64 KiB, its mark 64 bytes behind that.
  if (head.toString('latin1', 0x10040, 0x10048) === '_BHRfS_M') return 'btrfs'
  return head.toString('latin1', 32_769, 32_774) !== 'CD001' && volumeLabel(head) !== undefined ? 'vfat' : undefined
}
