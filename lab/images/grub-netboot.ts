// GRUB as a network loader for UEFI: with an empty prefix it looks for its configuration where it was loaded from.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cached, contentHash } from '../cache.ts'
import { run } from '../run.ts'

const GRUB = '/usr/lib/grub/x86_64-efi'
/** `normal` reads the configuration; the rest is what ours uses. */
const MODULES = ['normal', 'net', 'efinet', 'tftp', 'linux', 'boot', 'echo', 'sleep', 'reboot', 'test']

/** Path of grubx64.efi, from the package grub-efi-amd64-bin. */
export async function buildGrubNetboot(): Promise<string> {
  const key = contentHash([readFileSync(join(GRUB, 'kernel.img')), MODULES.join(' ')])
  const directory = await cached(`grub-netboot-${key}`, async (draft) => {
    await run('grub-mkimage', ['-O', 'x86_64-efi', '-o', join(draft, 'grubx64.efi'), '-p', '', ...MODULES])
  })
  return join(directory, 'grubx64.efi')
}
