// What kind of image some bytes are, from the bytes alone. What somebody says about an image is a claim to be checked (CVE-2024-44082).

/** As many leading bytes as the answer needs: ISO 9660 has its mark at 32,769. */
export const SNIFF_BYTES = 36 * 1024

export type ImageFormat =
  | 'raw'
  | 'gpt'
  | 'qcow2'
  | 'iso'
  | 'vmdk'
  | 'vhd'
  | 'vhdx'
  | 'vdi'
  | 'luks'
  | 'qed'
  | 'gzip'
  | 'xz'
  | 'zstd'
  | 'bzip2'

const encoder = new TextEncoder()
const toHex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
const hexOf = (text: string): string => toHex(encoder.encode(text))

/** Offset, bytes in hex, format: first match wins. Containers come before partition tables, which can be inside one of them. */
const marks: [offset: number, hex: string, format: ImageFormat][] = [
  [0, '514649fb', 'qcow2'],
  [0, '4b444d56', 'vmdk'], // KDMV
  [0, '434f5744', 'vmdk'], // COWD
  [0, hexOf('# Disk DescriptorFile'), 'vmdk'],
  [0, hexOf('conectix'), 'vhd'],
  [0, hexOf('vhdxfile'), 'vhdx'],
  [64, '7f10dabe', 'vdi'],
  [0, '51454400', 'qed'],
  [0, '4c554b53babe', 'luks'],
  [0, '1f8b08', 'gzip'],
  [0, 'fd377a585a00', 'xz'],
  [0, '28b52ffd', 'zstd'],
  [0, '425a68', 'bzip2'],
  [512, hexOf('EFI PART'), 'gpt'],
  [4096, hexOf('EFI PART'), 'gpt'],
  [32_769, hexOf('CD001'), 'iso'],
]

/** The format of an image that starts with `head` (SNIFF_BYTES of it, or all when it is shorter). */
export function sniffFormat(head: Uint8Array): ImageFormat {
  for (const [offset, hex, format] of marks) {
    if (toHex(head.subarray(offset, offset + hex.length / 2)) === hex) return format
  }
  return 'raw'
}

/** Which sniffed formats a declared disk_format may turn out to be. A hybrid ISO with a partition table may be written raw. */
const honest: Record<string, ImageFormat[]> = {
  raw: ['raw', 'gpt', 'iso'],
  gpt: ['gpt'],
  iso: ['iso', 'gpt'],
  qcow2: ['qcow2'],
}

/** Undefined when the declared format may be what the bytes are; else a sentence that says what is wrong. */
export function formatLie(declared: string, sniffed: ImageFormat): string | undefined {
  const allowed = honest[declared]
  if (!allowed) return `disk_format ${declared} cannot be written; raw, gpt, iso and qcow2 can`
  return allowed.includes(sniffed) ? undefined : `the image is declared as ${declared}, but its bytes are ${sniffed}`
}
