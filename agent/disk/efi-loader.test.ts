import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { temporaryFolder } from '../testing.ts'
import { findEfiLoader } from './efi-loader.ts'

it.each([
  ['the removable path', ['EFI/BOOT/BOOTX64.EFI'], '\\EFI\\BOOT\\BOOTX64.EFI'],
  ['a distribution before it', ['EFI/BOOT/BOOTX64.EFI', 'EFI/debian/grubx64.efi'], '\\EFI\\debian\\grubx64.efi'],
  ['shim before GRUB', ['EFI/debian/grubx64.efi', 'EFI/debian/shimx64.efi'], '\\EFI\\debian\\shimx64.efi'],
  ['systemd-boot', ['efi/systemd/systemd-bootx64.efi'], '\\efi\\systemd\\systemd-bootx64.efi'],
  ['Windows', ['EFI/Microsoft/Boot/bootmgfw.efi'], '\\EFI\\Microsoft\\Boot\\bootmgfw.efi'],
  ['no program of another processor', ['EFI/BOOT/BOOTAA64.EFI'], undefined],
  ['no folder without a program', ['EFI/debian/grub.cfg'], undefined],
  ['nothing in an empty partition', [], undefined],
])('finds %s', async (_, files, expected) => {
  await using folder = await temporaryFolder()
  for (const file of files) {
    await mkdir(dirname(join(folder.path, file)), { recursive: true })
    await writeFile(join(folder.path, file), '')
  }
  expect(await findEfiLoader(folder.path, 'x64')).toBe(expected)
})
