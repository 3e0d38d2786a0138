// Which network loader each firmware gets: an iPXE, which then runs the node's script over HTTP, or where iPXE is not wanted GRUB or
// PXELINUX, which take everything by TFTP. A table; a firmware without a row, or whose file is not configured, gets an address only.
import { readFile } from 'node:fs/promises'
import type { ClientKind } from '../dhcp/client-kind.ts'

/** What a boot goes through: Ironic's boot interfaces `ipxe` and `pxe`. */
export type LoaderFamily = 'ipxe' | 'pxe'

const LOADERS = [
  { family: 'ipxe', firmware: 'bios', cpu: 'x86', name: 'undionly.kpxe' },
  { family: 'ipxe', firmware: 'uefi', cpu: 'x64', name: 'snponly.efi' },
  { family: 'ipxe', firmware: 'uefi', cpu: 'ia32', name: 'snponly-ia32.efi' },
  { family: 'ipxe', firmware: 'uefi', cpu: 'arm64', name: 'snponly-arm64.efi' },
  { family: 'ipxe', firmware: 'uefi', cpu: 'arm32', name: 'snponly-arm32.efi' },
  { family: 'pxe', firmware: 'bios', cpu: 'x86', name: 'pxelinux.0' },
  { family: 'pxe', firmware: 'uefi', cpu: 'x64', name: 'grubx64.efi' },
  { family: 'pxe', firmware: 'uefi', cpu: 'arm64', name: 'grubaa64.efi' },
  // No firmware gets it: PXELINUX asks for its other half by itself.
  { family: 'pxe', firmware: undefined, cpu: undefined, name: 'ldlinux.c32' },
] as const

export type LoaderName = (typeof LOADERS)[number]['name']

/** Loader → absolute path of its file, or its bytes. */
export type LoaderFiles = Partial<Record<LoaderName, string | Uint8Array>>

/** Where Debian's package `ipxe` puts them (it has none for arm). */
export const DEBIAN_LOADERS: LoaderFiles = {
  'undionly.kpxe': '/usr/lib/ipxe/undionly.kpxe',
  'snponly.efi': '/usr/lib/ipxe/snponly.efi',
}

export function loaderFor(client: ClientKind, family: LoaderFamily = 'ipxe'): LoaderName | undefined {
  if (client.kind === 'other') return undefined
  return LOADERS.find((row) => row.family === family && row.firmware === client.firmware && row.cpu === client.cpu)
    ?.name
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
