// Where a GRUB image looks for its configuration: the prefix that grub-mkimage put into it (GRUB 2, include/grub/kernel.h: struct grub_module_info64
// with magic "mimg", then objects of type and size; type 3 is the prefix). For network boot it must be empty.

const MAGIC = 'mimg'
const INFO_BYTES = 24
const HEADER_BYTES = 8
const PREFIX = 3

/** Undefined when this is no image of a 64-bit GRUB, or has none. */
export function grubPrefix(image: Buffer): string | undefined {
  // The magic is in GRUB's own code as well; what follows it there is no such table.
  for (let at = image.indexOf(MAGIC); at >= 0 && at + INFO_BYTES <= image.length; at = image.indexOf(MAGIC, at + 1)) {
    const [offset, size] = [image.readBigUInt64LE(at + 8), image.readBigUInt64LE(at + 16)]
    if (offset !== BigInt(INFO_BYTES) || BigInt(at) + size > BigInt(image.length)) continue
    const end = at + Number(size)
    for (let object = at + INFO_BYTES; object + HEADER_BYTES <= end;) {
      const [type, bytes] = [image.readUInt32LE(object), image.readUInt32LE(object + 4)]
      if (bytes < HEADER_BYTES) break
      if (type === PREFIX) return image.toString('utf8', object + HEADER_BYTES, object + bytes).split('\0')[0]
      object += bytes
    }
  }
  return undefined
}
