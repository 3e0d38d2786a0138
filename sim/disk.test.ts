import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { writeConfigDrive } from '../agent/disk/config-drive.ts'
import { moveGptMirrorToEnd } from '../agent/disk/partition-table.ts'
import { buildConfigDrive } from '../site-conductor/config-drive/config-drive.ts'
import { lookAtDisk, makeDisk, openWhilePowered } from './disk.ts'
import { makeImage } from './image.ts'
import { isoLabel, readIsoFile } from './iso9660.ts'

const MIB = 2 ** 20
let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ferrule-disk-'))
})
afterEach(() => rm(folder, { recursive: true }))

const forEver = new AbortController().signal
const drive = () =>
  Buffer.from(
    buildConfigDrive(
      { meta_data: { hostname: 'web-1' }, user_data: 'hello' },
      { node: { uuid: 'the-uuid' }, time: new Date(0) },
    ),
  )

describe('simulated disk', () => {
  it('does not boot while it is blank, and boots with an image on it', async () => {
    const disk = await makeDisk(join(folder, 'disk'), 256 * MIB, 'serial')
    expect(await lookAtDisk(disk.path)).toBeUndefined()
    const file = await open(disk.path, 'r+')
    await file.write(makeImage(4 * MIB).bytes, 0)
    await file.close()
    expect(await lookAtDisk(disk.path)).toEqual({ partitions: ['1 root'], config: undefined })
  })

  it('shows the config drive that the agent puts beside the image', async () => {
    const disk = await makeDisk(join(folder, 'disk'), 256 * MIB, 'serial')
    const target = await openWhilePowered(disk, forEver)
    await target.write(makeImage(4 * MIB).bytes, 0)
    await writeConfigDrive(target, await moveGptMirrorToEnd(target), drive(), crypto.randomUUID().toUpperCase())
    await target.close()
    expect(await lookAtDisk(disk.path)).toEqual({
      partitions: ['1 root', '2 config-2'],
      config: { device: '/dev/sda2', metaData: { uuid: 'the-uuid', hostname: 'web-1' }, userData: 'hello' },
    })
  })

  it('takes nothing any more once the power is off', async () => {
    const disk = await makeDisk(join(folder, 'disk'), 8 * MIB, 'serial')
    const power = new AbortController()
    const target = await openWhilePowered(disk, power.signal)
    await target.write(Buffer.from('kept'), 0)
    power.abort(new Error('the power is off'))
    await expect(target.write(Buffer.from('lost'), 0)).rejects.toThrow('the power is off')
    await expect(target.zero(0, MIB)).rejects.toThrow('the power is off')
    await target.close()
    const file = await open(disk.path, 'r')
    const back = Buffer.alloc(4)
    await file.read(back, 0, 4, 0)
    await file.close()
    expect(back.toString()).toBe('kept')
  })

  it('is zeroed where something is, and stays sparse elsewhere', async () => {
    const disk = await makeDisk(join(folder, 'disk'), 64 * MIB, 'serial')
    const target = await openWhilePowered(disk, forEver)
    await target.write(Buffer.alloc(MIB, 1), 0)
    await target.zero(0, 64 * MIB)
    await target.flush()
    const back = Buffer.alloc(MIB)
    await target.read(back, 0)
    await target.close()
    expect(back.equals(Buffer.alloc(MIB))).toBe(true)
    const file = await open(disk.path, 'r')
    const { blocks } = await file.stat()
    await file.close()
    expect(blocks * 512).toBeLessThan(4 * MIB)
  })
})

describe('ISO 9660 reader', () => {
  it('finds files by their Rock Ridge names', () => {
    expect(isoLabel(drive())).toBe('config-2')
    expect(readIsoFile(drive(), 'openstack/latest/user_data')?.toString()).toBe('hello')
    expect(readIsoFile(drive(), 'openstack/latest/network_data.json')).toBeUndefined()
    expect(readIsoFile(drive(), 'openstack/latest')).toBeUndefined()
  })

  it('knows what is none', () => {
    expect(isoLabel(Buffer.alloc(40_000))).toBeUndefined()
    expect(isoLabel(Buffer.alloc(10))).toBeUndefined()
  })
})
