// Images on real block devices: partition tables that end up where the disk ends, the config drive behind them, and what is refused. One machine, a disk
// for each case. Judges: the files behind the disks, read by sgdisk and qemu-img.
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { MIB, noise, serveBytes, serveHttp, sha256, temporaryFolder } from '../testing.ts'
import { configDrive, expectDisk, partitions, rawOf, readRange, tool } from '../testdata/host-tools.ts'
import { HOST, savedAgent } from '../testdata/saved-agent.ts'

const IMAGE_BYTES = 24 * MIB
/** What lies between the first and the last sectors that a partition table may use. */
const BODY = [MIB, IMAGE_BYTES - MIB] as const

it('images keep their partitions, get their table’s mirror at the end of the disk, and a config drive before it', async () => {
  await using folder = await temporaryFolder()
  const at = (name: string) => join(folder.path, name)
  await writeFile(at('gpt'), noise(IMAGE_BYTES))
  await tool('sgdisk', '--zap-all', '--new=1:2048:+8M', '--change-name=1:root', '--new=2:0:+4M', at('gpt'))
  await copyFile(at('gpt'), at('mbr'))
  await tool('sgdisk', '--gpttombr=1:2', at('mbr'))
  await tool('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', '-c', at('gpt'), at('qcow2'))
  const { volume, text: configdrive } = await configDrive(folder.path)
  const images = new Map<string, Buffer>()
  for (const name of ['gpt', 'mbr', 'qcow2']) images.set(name, await readFile(at(name)))
  // A qcow2 that unpacks to more than the small disk has, and is itself small.
  await tool('qemu-img', 'create', '-q', '-f', 'qcow2', at('huge'), '1G')
  images.set('huge', await readFile(at('huge')))

  await using agent = await (await savedAgent()).goOn()
  const fill = (bytes: number) => (raw: string) => writeFile(raw, noise(bytes, 9))
  const [gpt, converted, mbr, tiny, wrongOne] = [
    await agent.addDisk({ sizeMiB: 6000, serial: 'GPT' }),
    await agent.addDisk({ sizeMiB: 5000, serial: 'QCOW2' }),
    await agent.addDisk({ sizeMiB: 4500, serial: 'MBR' }),
    await agent.addDisk({ sizeMiB: 16, serial: 'TINY' }, fill(16 * MIB)),
    await agent.addDisk({ sizeMiB: 32, serial: 'WRONG' }, fill(32 * MIB)),
  ]
  await using server = await serveHttp((request, response) => {
    const bytes = images.get(request.url?.slice(1) ?? '')
    if (bytes) serveBytes(bytes)(request, response)
    else response.writeHead(404).end()
  })
  const write = (image: string, serial: string, more: Record<string, unknown> = {}, digest?: string) => {
    const bytes = images.get(image)!
    const image_info = {
      id: image,
      urls: [`${server.url.replace('127.0.0.1', HOST)}/${image}`],
      disk_format: ['gpt', 'mbr'].includes(image) ? 'raw' : 'qcow2',
      os_hash_algo: 'sha256',
      os_hash_value: digest ?? sha256(bytes),
    }
    const node = { instance_info: { root_device: { serial } } }
    return agent.step('deploy', 'write_image', { image_info, ...more }, node)
  }

  for (const [image, serial] of [
    ['gpt', 'GPT'],
    ['qcow2', 'QCOW2'],
    ['mbr', 'MBR'],
  ] as const)
    expect((await write(image, serial, { configdrive })).command_error, serial).toBeNull()
  // Once more, as a rebuild does: the same place, not one more partition.
  expect((await write('gpt', 'GPT', { configdrive })).command_error).toBeNull()

  // Refused before anything is written. Its digest is right, so nothing else can be the reason.
  expect((await write('gpt', 'TINY')).command_error).toMatchObject({ type: 'DiskTooSmall' })
  expect((await write('huge', 'TINY')).command_error).toMatchObject({ type: 'DiskTooSmall' })
  const bad = await write('gpt', 'TINY', { configdrive: 'bm8gdm9sdW1l' })
  expect(bad.command_error).toMatchObject({ type: 'InvalidConfigDrive' })
  // Known to be wrong only at the end: then the disk must not boot.
  const wrong = await write('gpt', 'WRONG', {}, 'ab'.repeat(32))
  expect(wrong.command_error).toMatchObject({ type: 'ImageChecksumError' })
  await agent.machine.cut()

  const image = images.get('gpt')!
  for (const [disk, bytes] of [
    [gpt, 6000 * MIB],
    [converted, 5000 * MIB],
    [mbr, 4500 * MIB],
  ] as const) {
    const raw = await rawOf(disk.file)
    const body = await readRange(raw, BODY[0], BODY[1] - BODY[0])
    expect(body.equals(image.subarray(...BODY)), disk.name).toBe(true)
    const table = await partitions(raw)
    expect([...table.keys()], disk.name).toEqual([1, 2, 3])
    expect(table.get(1)).toMatchObject({ start: MIB, size: 8 * MIB })
    const { start, size } = table.get(3)!
    expect(size).toBe(64 * MIB)
    expect(bytes - (start + size), 'nothing but the mirror and less than one MiB behind it').toBeLessThan(2 * MIB)
    expect((await readRange(raw, start, volume.length)).equals(volume)).toBe(true)
    if (disk === mbr) expect(await tool('sgdisk', '--print', raw), 'still no GPT').toContain('valid MBR; converting')
    else {
      expect(await tool('sgdisk', '--verify', raw)).toContain('No problems found')
      expect(table.get(3)?.name).toBe('config-2')
    }
  }
  await expectDisk(tiny.file, noise(16 * MIB, 9))
  const start = await readRange(await rawOf(wrongOne.file), 0, MIB)
  expect(start.every((byte) => byte === 0)).toBe(true)
})
