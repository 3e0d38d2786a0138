// Which network loader each firmware gets: an iPXE, which then runs the node's script over HTTP, or where iPXE is not wanted GRUB or
// PXELINUX, which take everything by TFTP. Tables; a firmware without a row, or whose file is not configured, gets an address only.
import { readFile } from 'node:fs/promises'
import type { ClientKind } from '../dhcp/client-kind.ts'

/** What a boot goes through: Ironic's boot interfaces of these names. */
export type LoaderFamily = 'ipxe' | 'pxe' | 'http-ipxe'

/** What kind of loader, and who gets it: firmware's PXE, and an iPXE that is not wanted, by TFTP; UEFI's HTTP boot by HTTP. */
const FAMILIES: Readonly<
  Record<LoaderFamily, { readonly kind: string; readonly clients: readonly ClientKind['kind'][] }>
> = {
  ipxe: { kind: 'ipxe', clients: ['pxe', 'http'] },
  'http-ipxe': { kind: 'ipxe', clients: ['http'] },
  pxe: { kind: 'tftp', clients: ['pxe', 'ipxe'] },
}

const LOADERS = [
  { kind: 'ipxe', firmware: 'bios', cpu: 'x86', name: 'undionly.kpxe' },
  { kind: 'ipxe', firmware: 'uefi', cpu: 'x64', name: 'snponly.efi' },
  { kind: 'ipxe', firmware: 'uefi', cpu: 'ia32', name: 'snponly-ia32.efi' },
  { kind: 'ipxe', firmware: 'uefi', cpu: 'arm64', name: 'snponly-arm64.efi' },
  { kind: 'ipxe', firmware: 'uefi', cpu: 'arm32', name: 'snponly-arm32.efi' },
  { kind: 'tftp', firmware: 'bios', cpu: 'x86', name: 'pxelinux.0' },
  { kind: 'tftp', firmware: 'uefi', cpu: 'x64', name: 'grubx64.efi' },
  { kind: 'tftp', firmware: 'uefi', cpu: 'arm64', name: 'grubaa64.efi' },
  // No firmware gets it: PXELINUX asks for its other half by itself.
  { kind: 'tftp', firmware: undefined, cpu: undefined, name: 'ldlinux.c32' },
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
  const { kind, clients } = FAMILIES[family]
  if (client.kind === 'other' || !clients.includes(client.kind)) return undefined
  return LOADERS.find((row) => row.kind === kind && row.firmware === client.firmware && row.cpu === client.cpu)?.name
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
