// The disk as partition and file system tools see it. (That firmware boots it is for the tests on the rack.)
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { run } from '../run.ts'
import { createBootDisk, MIB, SECTOR } from './boot-disk.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ferrule-boot-disk-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('a large disk has a sound GPT and an EFI system partition that mtools read', async () => {
  const disk = join(folder, 'disk.raw')
  const guid = '77000000-0000-4000-8000-000000000004'
  const [systemEndLba, endLba] = [(64 * MIB) / SECTOR, (1000 * MIB) / SECTOR]
  const system = await createBootDisk(disk, folder, {
    bytes: 1001 * MIB,
    systemEndLba,
    root: { guid, endLba },
    grub: { partition: 3, script: 'boot\n', modules: ['ext2'] },
  })
  expect(await run('sgdisk', ['--verify', disk])).toContain('No problems found')
  const table = await run('sgdisk', ['--print', disk])
  expect(table.match(/^ +\d.*$/gm)?.map((line) => line.trim().split(/\s+/).slice(0, 3))).toEqual([
    ['1', '2048', '4095'],
    ['2', '4096', '131071'],
    ['3', '131072', '2047999'],
  ])
  expect(await run('sgdisk', ['--info=3', disk])).toContain(guid)
  expect(await run('mdir', ['-b', '-i', system, '::/EFI/BOOT'])).toContain('BOOTX64.EFI')
})

test('the boot sector loads the first sector of the core image, which loads the others', async () => {
  const disk = join(folder, 'disk.raw')
  const grub = { partition: 2, script: 'boot\n', modules: ['fat'] } as const
  await createBootDisk(disk, folder, { bytes: 64 * MIB, systemEndLba: (63 * MIB) / SECTOR, grub })
  const [bytes, core] = [readFileSync(disk), readFileSync(join(folder, 'core.img'))]
  expect(bytes.readUInt16LE(510)).toBe(0xaa55)
  expect(bytes.readBigUInt64LE(0x5c)).toBe(2048n)
  const first = bytes.subarray(2048 * SECTOR, 2049 * SECTOR)
  expect(first.readBigUInt64LE(0x1f4)).toBe(2049n)
  expect(first.readUInt16LE(0x1fc)).toBe(Math.ceil(core.length / SECTOR) - 1)
  expect(bytes.subarray(2049 * SECTOR, 2048 * SECTOR + core.length)).toEqual(core.subarray(SECTOR))
})
