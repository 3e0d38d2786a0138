// Which program in an EFI system partition starts its operating system. A vendor's own loader comes before the removable path: there is
// often a program at \EFI\BOOT that only makes boot entries and restarts the machine (shim's fallback).
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** UEFI 2.10 §3.5.1.1: how each processor's programs are marked. */
const MARKS: Readonly<Record<string, string>> = { x64: 'x64', arm64: 'aa64', arm: 'arm', riscv64: 'riscv64' }
/** In a vendor's folder, the first that is there. Shim first: with Secure Boot it is the one that firmware trusts. */
const VENDOR_LOADERS = ['shim*.efi', 'grub*.efi', 'systemd-boot*.efi']

/** From the root of the partition, with backslashes; undefined when there is none. `folder`: where the partition is mounted. */
export async function findEfiLoader(folder: string, arch: string = process.arch): Promise<string | undefined> {
  const mark = MARKS[arch]
  if (mark === undefined) return undefined
  const efi = await entry(folder, 'efi')
  if (efi === undefined) return undefined
  const names = await list(join(folder, efi))
  const vendors = names.filter((name) => !/^(boot|microsoft)$/i.test(name)).sort()
  for (const wanted of VENDOR_LOADERS) {
    for (const vendor of vendors) {
      const found = await entry(join(folder, efi, vendor), wanted.replace('*', mark))
      if (found !== undefined) return `\\${efi}\\${vendor}\\${found}`
    }
  }
  for (const path of [
    ['boot', `boot${mark}.efi`],
    ['microsoft', 'boot', 'bootmgfw.efi'],
  ]) {
    const found = await follow(join(folder, efi), path)
    if (found !== undefined) return `\\${[efi, ...found].join('\\')}`
  }
  return undefined
}

async function follow(folder: string, path: readonly string[]): Promise<string[] | undefined> {
  const [first, ...rest] = path
  if (first === undefined) return []
  const name = await entry(folder, first)
  const more = name === undefined ? undefined : await follow(join(folder, name), rest)
  return name === undefined || more === undefined ? undefined : [name, ...more]
}

/** The name in `folder` that is `wanted` (lower case) but for its case, as FAT compares. */
async function entry(folder: string, wanted: string): Promise<string | undefined> {
  return (await list(folder)).find((name) => name.toLowerCase() === wanted)
}

async function list(folder: string): Promise<string[]> {
  return await readdir(folder).catch(() => [])
}
