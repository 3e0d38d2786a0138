// A checksum that is a URL (image_checksum, image_os_hash_value, as Ironic and Metal3 take them): the file there says the digests of images, as sha256sum
// and its like write them.

/** More is no file of checksums. */
export const CHECKSUM_FILE_BYTES = 1024 * 1024

export const isChecksumUrl = (checksum: string): boolean => /^https?:\/\//i.test(checksum.trim())

/** Digest, a space, `*` of a binary file, name: sha256sum(1). */
const PLAIN = /^([0-9a-f]{32,128}) [ *]?(.+)$/i
/** Algorithm, name in parentheses, digest: the same with --tag, and BSD's. */
const TAGGED = /^[A-Z0-9-]+ ?\((.+)\) ?= ?([0-9a-f]{32,128})$/i

/** Hexadecimal digest of the image at `imageUrl`, whose name counts and not its folder; of a file with a digest and nothing else, that. */
export function digestIn(file: string, imageUrl: string): string | undefined {
  const lines = file.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#')) // prettier-ignore
  if (lines.length === 1 && /^[0-9a-f]{32,128}$/i.test(lines[0]!)) return lines[0]!.toLowerCase()
  const wanted = nameIn(imageUrl)
  const found = lines.flatMap((line) => {
    const [, digest, name] = PLAIN.exec(line) ?? []
    const [, tagged = name, taggedDigest = digest] = TAGGED.exec(line) ?? []
    return tagged !== undefined && baseName(tagged) === wanted ? [taggedDigest!.toLowerCase()] : []
  })
  return found[0]
}

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

function nameIn(url: string): string {
  const { pathname } = new URL(url)
  try {
    return baseName(decodeURIComponent(pathname))
  } catch {
    return baseName(pathname)
  }
}
