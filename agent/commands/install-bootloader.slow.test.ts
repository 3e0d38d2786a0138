// A UEFI machine made of files: its variables are a folder, its EFI system partition another.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { AgentNode } from '../../shared/agent-protocol.ts'
import { openBlockTarget } from '../disk/block-target.ts'
import { descriptionOf } from '../disk/boot-entry.ts'
import { encodeGptEntries, encodeGptHeader, type Gpt } from '../disk/gpt.ts'
import { MBR_TYPE_PROTECTIVE, withMbrEntry } from '../disk/mbr.ts'
import { fakeContext, fakeMachine, fileDisk, GIB, MIB, noise, temporaryFolder, testNode } from '../testing.ts'
import { DESCRIPTION, installBootloader } from './install-bootloader.ts'
import { writeNewTable } from '../disk/partition-table.ts'
import { EFI_SYSTEM, LINUX_RAID } from '../disk/partition-types.ts'

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

const run = (machine: ReturnType<typeof fakeMachine>, params: object = {}, node: AgentNode = testNode) =>
  installBootloader.run(fakeContext(machine, { node }), installBootloader.params.parse(params))

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

it('on software RAID every disk of the root volume gets the EFI system partition, and an entry', async () => {
  const { folder, machine, disk, variables } = await machineWith()
  await using _ = folder
  const system = noise(MIB, 7)
  const volume = await openBlockTarget(disk)
  await volume.write(system, 2048 * 512)
  await volume.close()
  const members = [await fileDisk(folder.path, 'sda', 64 * MIB), await fileDisk(folder.path, 'sdb', 64 * MIB)]
  for (const device of members) {
    const target = await openBlockTarget(device)
    const place = { number: 1, name: 'boot', type: EFI_SYSTEM, startBytes: MIB, sizeBytes: 4 * MIB }
    await writeNewTable(target, [place, { ...place, number: 2, type: LINUX_RAID, startBytes: 5 * MIB }])
    await target.close()
    await fileDisk(folder.path, `${device.name}1`, 4 * MIB)
  }
  const uuid = '01234567:89abcdef:01234567:89abcdef'
  const array = {
    path: disk.path,
    uuid,
    name: 'system',
    isRoot: true,
    spans: {},
    members: members.map(({ path }) => `${path}2`),
  }
  Object.assign(machine, {
    listDisks: async () => [disk, ...members],
    raid: { list: async () => [array] },
  })
  const node = { ...testNode, raid_config: { logical_disks: [{ uuid }] } }
  expect(await run(machine, {}, node)).toMatch(
    /^Boot0001 starts \\EFI\S+ of partition 1 of sda; Boot0000 starts .* of sdb$/,
  )
  for (const { path } of members) expect((await readFile(`${path}1`)).subarray(0, MIB).equals(system)).toBe(true)
  const names = (await readdir(variables)).map((name) => name.split('-')[0]).sort()
  expect(names).toEqual(['Boot0000', 'Boot0001', 'BootOrder'])
  const order = (
    await readFile(
      join(
        variables,
        (await readdir(variables)).find((name) => name.startsWith('BootOrder'))!,
      ),
    )
  ).subarray(4)
  expect([order.readUInt16LE(0), order.readUInt16LE(2)]).toEqual([1, 0])
})
