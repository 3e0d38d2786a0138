// Erasing whole disks, on disks made of files.
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { BlockTarget } from '../disk/block-target.ts'
import { openBlockTarget } from '../disk/block-target.ts'
import { LINUX_DATA } from '../disk/gpt.ts'
import type { SoftwareRaid } from '../disk/md-arrays.ts'
import { readPartitionTable, writeNewTable } from '../disk/partition-table.ts'
import { EFI_SYSTEM, LINUX_RAID } from '../disk/partition-types.ts'
import type { OwnErase } from '../disk/own-erase.ts'
import { isZero } from '../disk/aligned.ts'
import { executeParams, executeStep } from '../step-list.ts'
import { diskBytes, fakeContext, fakeMachine, fileDisk, MIB, temporaryFolder, testNode } from '../testing.ts'

const clean = (step: string, node: object = {}) =>
  executeParams.parse({ step: { step }, node: { ...testNode, ...node }, ports: [] })

it('disks are overwritten with noise, then with zeros; a skipped and a read-only one are left, and told', async () => {
  await using folder = await temporaryFolder()
  const disk = (name: string, facts: object = {}) => fileDisk(folder.path, name, 10 * MIB, { dirty: true, ...facts })
  const disks = [
    await disk('sda'),
    await disk('sdb'),
    await disk('sdc', { serial: 'KEPT' }),
    await disk('sdd', { readOnly: true }),
  ]
  const passes = new Map<string, { noise: number; zeros: number }>()
  const openDisk = async (device: (typeof disks)[number]): Promise<BlockTarget> => {
    const target = await openBlockTarget(device)
    const seen = { noise: 0, zeros: 0 }
    passes.set(device.name, seen)
    return {
      ...target,
      async write(from, offset) {
        if (!isZero(from)) seen.noise += from.length
        await target.write(from, offset)
      },
      async zero(offset, length) {
        seen.zeros += length
        await target.zero(offset, length)
      },
    }
  }
  const progress: number[] = []
  const context = fakeContext(fakeMachine(disks, { openDisk }), {
    progress: (_, bytes, total) => void progress.push(bytes / total!),
  })
  const skip = { properties: { skip_block_devices: [{ serial: 's== kept' }] } }
  const done = await executeStep('clean', context, clean('erase_devices', skip))
  expect(done).toMatchObject({
    clean_result: {
      result:
        'erase_devices: 2 disks erased: sda overwritten (it cannot erase itself), sdb overwritten (it cannot erase itself); left out: sdc (skip_block_devices), sdd (read-only)',
    },
  })
  expect(Object.fromEntries(passes)).toEqual({
    sda: { noise: 10 * MIB, zeros: 10 * MIB },
    sdb: { noise: 10 * MIB, zeros: 10 * MIB },
  })
  const [first, , kept, readOnly] = await Promise.all(disks.map(diskBytes))
  expect(isZero(first!)).toBe(true)
  expect([kept!.at(0), readOnly!.at(0)]).toEqual([0xa5, 0xa5])
  expect(progress).toEqual(progress.toSorted((a, b) => a - b))
  expect([progress.some((part) => part > 0 && part < 1), progress.at(-1)]).toEqual([true, 1])
})

it('a disk that erases itself is not written, and one that fails does not hide the others', async () => {
  await using folder = await temporaryFolder()
  const disks = [
    await fileDisk(folder.path, 'nvme0n1', MIB, { dirty: true }),
    await fileDisk(folder.path, 'sda', MIB, { dirty: true }),
    await fileDisk(folder.path, 'sdb', MIB, { dirty: true }),
  ]
  const eraseItself = async ({ name }: { name: string }): Promise<OwnErase> => {
    if (name === 'nvme0n1') return { how: 'by NVMe format' }
    if (name === 'sda') throw new Error('the drive hangs')
    return { cannot: 'its firmware has frozen its secure erase' }
  }
  const context = fakeContext(fakeMachine(disks, { eraseItself }))
  await expect(executeStep('clean', context, clean('erase_devices'))).rejects.toMatchObject({
    type: 'DiskWriteError',
    details: expect.stringContaining('sda: Error: the drive hangs') as string,
  })
  expect(context.lines).toEqual(
    expect.arrayContaining(['nvme0n1 by NVMe format', 'sdb overwritten (its firmware has frozen its secure erase)']),
  )
  const [own, , frozen] = await Promise.all(disks.map(diskBytes))
  expect([own!.at(0), isZero(frozen!)]).toEqual([0xa5, true])
})

it('an abort ends it, whether the disk is overwritten or erases itself', async () => {
  await using folder = await temporaryFolder()
  const disks = [await fileDisk(folder.path, 'sda', 10 * MIB), await fileDisk(folder.path, 'nvme0n1', MIB)]
  const controller = new AbortController()
  const begun = Promise.withResolvers<void>()
  const eraseItself = async ({ name }: { name: string }): Promise<OwnErase> => {
    if (name === 'sda') return { cannot: 'it cannot' }
    begun.resolve()
    return await new Promise(() => undefined)
  }
  const context = fakeContext(fakeMachine(disks, { eraseItself }), { signal: controller.signal })
  const erasing = executeStep('clean', context, clean('erase_devices'))
  erasing.catch(() => {})
  await begun.promise
  controller.abort()
  await expect(erasing).rejects.toMatchObject({ type: 'CommandAborted' })
})

it('the express way formats NVMe disks and erases the metadata of others', async () => {
  await using folder = await temporaryFolder()
  const disks = [
    await fileDisk(folder.path, 'nvme0n1', 12 * MIB, { dirty: true }),
    await fileDisk(folder.path, 'sda', 12 * MIB, { dirty: true }),
  ]
  const asked: string[] = []
  const eraseItself = async ({ name }: { name: string }): Promise<OwnErase> => {
    asked.push(name)
    return { how: 'by NVMe format' }
  }
  const context = fakeContext(fakeMachine(disks, { eraseItself }))
  await executeStep('clean', context, clean('erase_devices_express'))
  expect(asked).toEqual(['nvme0n1'])
  const sda = await diskBytes(disks[1]!)
  expect([sda.at(0), sda.at(6 * MIB), sda.at(-1)]).toEqual([0, 0xa5, 0])
})

it('records of crashed kernels are removed', async () => {
  await using folder = await temporaryFolder()
  const records = join(folder.path, 'sys/fs/pstore')
  await mkdir(records, { recursive: true })
  await writeFile(join(records, 'dmesg-efi-1'), 'secrets of a tenant')
  const context = fakeContext(fakeMachine([], { root: folder.path }))
  expect(await executeStep('clean', context, clean('erase_pstore'))).toMatchObject({
    clean_result: { result: 'erase_pstore: 1 records removed' },
  })
  expect(await readdir(records)).toEqual([])
  await expect(executeStep('deploy', context, clean('erase_pstore'))).rejects.toThrow('no deploy step')
})

it('on the disks of an array all that lies beside it is erased: the firmware’s partition, other partitions, gaps, boot code, the rest of its own', async () => {
  await using folder = await temporaryFolder()
  const [sda, md0] = [
    await fileDisk(folder.path, 'sda', 64 * MIB, { dirty: true }),
    await fileDisk(folder.path, 'md0', 2 * MIB, { dirty: true }),
  ]
  const target = await openBlockTarget(sda)
  await writeNewTable(target, [
    { number: 1, name: 'boot', type: EFI_SYSTEM, startBytes: MIB, sizeBytes: 8 * MIB },
    { number: 2, name: 'raid', type: LINUX_RAID, startBytes: 9 * MIB, sizeBytes: 16 * MIB },
    { number: 5, name: 'hidden', type: LINUX_DATA, startBytes: 30 * MIB, sizeBytes: 20 * MIB },
  ])
  await target.write(Buffer.alloc(440, 0xa5), 0)
  const before = await readPartitionTable(target)
  await target.close()
  const uuid = '01234567:89abcdef:01234567:89abcdef'
  const member = `${sda.path}2`
  const spans = { [member]: { dataAt: MIB, dataBytes: 11 * MIB } }
  const array = { path: md0.path, uuid, name: 'system', isRoot: true, members: [member], spans }
  const raid = { list: async () => [array] } as unknown as SoftwareRaid
  const machine = fakeMachine([sda, md0], { raid })
  const node = { raid_config: { logical_disks: [{ uuid }] } }
  const isClean = async (step: string) => {
    const told = await executeStep('clean', fakeContext(machine), clean(step, node))
    expect(JSON.stringify(told)).toContain('sda beside system')
    const bytes = await diskBytes(sda)
    expect(bytes.subarray(9 * MIB, 21 * MIB).every((byte) => byte === 0xa5)).toBe(true)
    return (from: number, to: number) => isZero(bytes.subarray(from, to))
  }
  const ofMetadata = await isClean('erase_devices_metadata')
  const edges = [MIB, 9 * MIB - 1, 21 * MIB, 25 * MIB, 30 * MIB - 1, 30 * MIB, 50 * MIB - 1, 50 * MIB, 63 * MIB]
  expect([ofMetadata(0, 440), ...edges.map((at) => ofMetadata(at, at + 1))]).toEqual(Array(10).fill(true))
  const ofAll = await isClean('erase_devices')
  const LBA = 512
  expect([ofAll(0, 440), ofAll(34 * LBA, 9 * MIB), ofAll(21 * MIB, 64 * MIB - 33 * LBA)]).toEqual([true, true, true])
  const again = await openBlockTarget(sda)
  const after = await readPartitionTable(again).finally(() => again.close())
  const entries = before.kind === 'gpt' ? before.gpt.entries : []
  expect(after).toMatchObject({ kind: 'gpt', gpt: { entries: entries.slice(0, 2) } })
  expect(after.kind === 'gpt' && after.gpt.entries.length).toBe(2)
})
