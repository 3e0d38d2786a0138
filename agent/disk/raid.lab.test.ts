// Software RAID of real disks: made, left alone by the erasing of metadata, deployed to, found again by another boot, and taken apart. Judge: the
// superblocks and the data as they lie on the disks (mdp_superblock_1 in uapi/linux/raid/md_p.h).
import { copyFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { rawOf, readRange } from '../testdata/host-tools.ts'
import { HOST, savedAgent } from '../testdata/saved-agent.ts'
import { GIB, MIB, noise, serveBytes, serveHttp, sha256, temporaryFolder } from '../testing.ts'

const MD_MAGIC = 0xa92b4efc
/** Of the first array's partition: behind the first MiB and the partition for a BIOS. */
const FIRST_AT = 9 * MIB
const target_raid_config = {
  logical_disks: [
    { size_gb: 1, raid_level: '1', controller: 'software', volume_name: 'system' },
    { size_gb: 'MAX', raid_level: '0', controller: 'software', volume_name: 'scratch' },
  ],
}

it('two disks become a mirror and a stripe, which outlive cleaning and a restart, and an image goes to the mirror', async () => {
  const saved = await savedAgent()
  const image = noise(20 * MIB, 4)
  await using images = await serveHttp(serveBytes(image))
  await using folder = await temporaryFolder()
  const raws: string[] = []
  let raid_config = {}
  {
    await using agent = await saved.goOn()
    const disks = [
      await agent.addDisk({ sizeMiB: 1600, serial: 'ONE' }),
      await agent.addDisk({ bus: 'scsi', sizeMiB: 1600, serial: 'TWO' }),
    ]
    const made = await agent.step('clean', 'create_configuration', {}, { target_raid_config })
    expect(made).toMatchObject({ command_error: null, command_result: { clean_result: target_raid_config } })
    raid_config = (made.command_result as { clean_result: object }).clean_result
    const again = await agent.step('clean', 'create_configuration', {}, { target_raid_config })
    expect(again.command_error).toMatchObject({
      type: 'SoftwareRAIDError',
      message: expect.stringContaining('already') as string,
    })

    const { command_result: inventory } = await agent.command('poll.get_hardware_info')
    const sizes = Object.fromEntries(
      (inventory as { disks: { name: string; size: number }[] }).disks.map(({ name, size }) => [name, size]),
    )
    expect(sizes['/dev/md0']).toBeGreaterThanOrEqual(GIB)
    expect(sizes['/dev/md1']).toBeGreaterThan(400 * MIB)

    const { command_result: erased } = await agent.step('clean', 'erase_devices_metadata', {}, { raid_config })
    expect(JSON.stringify(erased)).toContain(
      '4 disks erased: md0, md1, sda beside system and scratch, vda beside system and scratch',
    )
    const image_info = {
      id: 'image',
      urls: [images.url.replace('127.0.0.1', HOST)],
      disk_format: 'raw',
      checksum: sha256(image),
    }
    const node = { raid_config, instance_info: { root_device: { size: '>= 1' } } }
    const written = await agent.step('deploy', 'write_image', { image_info }, node)
    // The disks would do, too, were they not its members.
    expect(written.command_error).toBeNull()
    expect(JSON.stringify(written.command_result)).toContain('/dev/md0')
    await agent.command('standby.sync')
    await agent.machine.cut()
    for (const { file } of disks) {
      const raw = await rawOf(file)
      const superblock = await readRange(raw, FIRST_AT + 4096, 512)
      expect(superblock.readUInt32LE(0)).toBe(MD_MAGIC)
      expect(superblock.toString('latin1', 32, 64).replace(/\0+$/, '')).toBe('ferrule:system')
      const dataAt = FIRST_AT + Number(superblock.readBigUInt64LE(128)) * 512
      expect((await readRange(raw, dataAt, image.length)).equals(image), raw).toBe(true)
      const kept = join(folder.path, `disk${raws.length}`)
      await rename(raw, kept)
      raws.push(kept)
    }
  }
  {
    // One disk of two: a stripe in pieces, which the record still has, and a mirror that runs without its other half.
    await using agent = await saved.goOn()
    const { file } = await agent.addDisk({ sizeMiB: 1600, serial: 'D0' }, (path) => copyFile(raws[0]!, path))
    const refused = await agent.step('clean', 'erase_devices_metadata', {}, { raid_config })
    expect(refused.command_error).toMatchObject({
      type: 'SoftwareRAIDError',
      message: expect.stringMatching(/nothing is erased: software RAID scratch cannot/) as string,
    })
    const erased = await agent.step('clean', 'erase_devices_metadata', {})
    expect(JSON.stringify(erased.command_result)).toContain('1 disks erased: vda"')
    await agent.machine.cut()
    expect((await readRange(await rawOf(file), FIRST_AT + 4096, 4)).readUInt32LE(0)).toBe(0)
  }
  await using agent = await saved.goOn()
  const disks: string[] = []
  for (const [i, raw] of raws.entries())
    disks.push((await agent.addDisk({ sizeMiB: 1600, serial: `D${i}` }, (path) => copyFile(raw, path))).file)
  const apart = await agent.step('clean', 'delete_configuration', {}, { raid_config })
  expect(JSON.stringify(apart.command_result)).toMatch(/2 arrays taken apart: (system, scratch|scratch, system)/)
  await agent.machine.cut()
  for (const file of disks) {
    const raw = await rawOf(file)
    expect((await readRange(raw, FIRST_AT + 4096, 4)).readUInt32LE(0)).toBe(0)
    expect((await readRange(raw, 512, 8)).toString('latin1')).not.toContain('EFI PART')
  }
})
