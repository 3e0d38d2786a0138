// Which network loader each firmware gets: always an iPXE, which then runs the node's script over HTTP. A table; a
// firmware without a row, or whose file is not configured, gets an address and nothing to boot.
import { readFile } from 'node:fs/promises'
import type { ClientKind } from '../dhcp/client-kind.ts'

const LOADERS = [
  { firmware: 'bios', cpu: 'x86', name: 'undionly.kpxe' },
  { firmware: 'uefi', cpu: 'x64', name: 'snponly.efi' },
  { firmware: 'uefi', cpu: 'ia32', name: 'snponly-ia32.efi' },
  { firmware: 'uefi', cpu: 'arm64', name: 'snponly-arm64.efi' },
  { firmware: 'uefi', cpu: 'arm32', name: 'snponly-arm32.efi' },
] as const

export type LoaderName = (typeof LOADERS)[number]['name']

/** Loader → absolute path of its file, or its bytes. */
export type LoaderFiles = Partial<Record<LoaderName, string | Uint8Array>>

/** Where Debian's package `ipxe` puts them (it has none for arm). */
export const DEBIAN_LOADERS: LoaderFiles = {
  'undionly.kpxe': '/usr/lib/ipxe/undionly.kpxe',
  'snponly.efi': '/usr/lib/ipxe/snponly.efi',
}

export function loaderFor(client: ClientKind): LoaderName | undefined {
  if (client.kind === 'other') return undefined
  return LOADERS.find(({ firmware, cpu }) => firmware === client.firmware && cpu === client.cpu)?.name
}

/** Reads the files into memory: together they are about 1 MB and every boot wants them. Rejects when one cannot be read. */
export async function readLoaders(files: LoaderFiles): Promise<Map<LoaderName, Uint8Array>> {
  const loaders = new Map<LoaderName, Uint8Array>()
  for (const { name } of LOADERS) {
    const file = files[name]
    if (file !== undefined) loaders.set(name, typeof file === 'string' ? await readFile(file) : file)
  }
  return loaders
}
