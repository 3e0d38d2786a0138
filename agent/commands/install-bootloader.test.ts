// A UEFI machine made of files: its variables are a folder, its EFI system partition another.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openBlockTarget } from '../disk/block-target.ts'
import { descriptionOf } from '../disk/boot-entry.ts'
import { encodeGptEntries, encodeGptHeader, type Gpt } from '../disk/gpt.ts'
import { MBR_TYPE_PROTECTIVE, withMbrEntry } from '../disk/mbr.ts'
import { fakeContext, fakeMachine, fileDisk, GIB, temporaryFolder } from '../testing.ts'
import { DESCRIPTION, installBootloader } from './install-bootloader.ts'
import { EFI_SYSTEM } from './get-partition-uuids.ts'

const sectors = (4 * GIB) / 512

async function machineWith({ partitionType = EFI_SYSTEM, loader = true, uefi = true } = {}) {
  const folder = await temporaryFolder()
  const disk = await fileDisk(folder.path, 'vda1', 4 * GIB)
  const entry = { number: 2, guid: 'AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE', firstLba: 2048, lastLba: 4095 }
  const gpt: Gpt = {
    ...{ diskGuid: entry.guid, myLba: 1, otherLba: sectors - 1, firstUsableLba: 34, lastUsableLba: sectors - 34 },
    ...{ entriesLba: 2, entryCount: 128, entryBytes: 128 },
    entries: [{ ...entry, type: partitionType, attributes: 0n, name: '' }],
  }
  const protective = { number: 1, bootable: false, type: MBR_TYPE_PROTECTIVE, firstLba: 1, sectors: sectors - 1 }
  const target = await openBlockTarget(disk)
  await target.write(withMbrEntry(Buffer.alloc(512), protective), 0)
  await target.write(encodeGptHeader(gpt, 512), 512)
  await target.write(encodeGptEntries(gpt), 1024)
  await target.close()
  const variables = join(folder.path, 'sys/firmware/efi/efivars')
  if (uefi) await mkdir(variables, { recursive: true })
  const system = join(folder.path, 'system')
  await mkdir(join(system, 'EFI/BOOT'), { recursive: true })
  const program = { x64: 'BOOTX64.EFI', arm64: 'BOOTAA64.EFI' }[process.arch as 'x64' | 'arm64']
  if (loader) await writeFile(join(system, 'EFI/BOOT', program), '')
  const mounted: string[] = []
  let isHeld = false
  const machine = fakeMachine([disk], {
    root: folder.path,
    async openDisk(device) {
      const opened = await openBlockTarget(device)
      isHeld = true
      return { ...opened, close: () => ((isHeld = false), opened.close()) }
    },
    async withFileSystem(device, type, use) {
      if (isHeld) throw new Error('Device or resource busy')
      mounted.push(`${type} ${device}`)
      return await use(system)
    },
  })
  return { folder, machine, disk, variables, mounted }
}

const run = (machine: ReturnType<typeof fakeMachine>, params: object = {}) =>
  installBootloader.run(fakeContext(machine), installBootloader.params.parse(params))

it('puts an entry for the loader in the image’s EFI system partition first', async () => {
  const { folder, machine, disk, variables, mounted } = await machineWith()
  await using _ = folder
  expect(await run(machine)).toMatch(/^Boot0000 starts \\EFI\\BOOT\\BOOT\w+\.EFI of partition 2$/)
  expect(mounted).toEqual([`vfat ${disk.path}p2`])
  const [boot = '', order = ''] = (await readdir(variables)).sort()
  expect([boot, order].map((name) => name.split('-')[0])).toEqual(['Boot0000', 'BootOrder'])
  expect(descriptionOf((await readFile(join(variables, boot))).subarray(4))).toBe(DESCRIPTION)
})

it.each([
  ['a machine that was not booted by UEFI', { uefi: false }, {}, 'not booted by UEFI'],
  ['a node in BIOS mode', {}, { target_boot_mode: 'bios' }, 'BIOS'],
  ['an image without EFI system partition', { partitionType: '0FC63DAF-8483-4772-8E79-3D69D8477DE4' }, {}, 'no EFI'],
  ['an empty EFI system partition', { loader: false }, {}, 'no program'],
])('does nothing on %s, and says so', async (_what, facts, params, said) => {
  const { folder, machine, variables } = await machineWith(facts)
  await using _ = folder
  expect(await run(machine, params)).toContain(said)
  expect(await readdir(variables).catch(() => [])).toEqual([])
})
