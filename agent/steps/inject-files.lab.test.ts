// Files in real file systems, by the ramdisk's own kernel: an ext4 root with links that lead out of it, and a FAT for the firmware. Judges: debugfs and mtools.
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { MIB } from '../testing.ts'
import { partitions, put, rawOf, readRange, tool } from '../testdata/host-tools.ts'
import { savedAgent } from '../testdata/saved-agent.ts'

const base64 = (text: string) => Buffer.from(text).toString('base64')

/** A disk as an image makes it: partition 1 FAT, partition 2 ext4. */
async function fill(raw: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'ferrule-inject-'))
  try {
    const root = join(folder, 'root')
    await mkdir(join(root, 'etc'), { recursive: true })
    await mkdir(join(root, 'opt'))
    await writeFile(join(root, 'etc/motd'), 'the motd of the image')
    await symlink('/opt/ferrule', join(root, 'etc/evil'))
    await symlink('../../../../init', join(root, 'etc/init'))
    const ext4 = join(folder, 'ext4')
    await writeFile(ext4, '')
    await truncate(ext4, 128 * MIB)
    await tool('mke2fs', '-q', '-t', 'ext4', '-d', root, ext4)
    const fat = join(folder, 'fat')
    await writeFile(fat, '')
    await truncate(fat, 64 * MIB)
    await tool('mkfs.vfat', '-F', '32', fat)
    await tool('mmd', '-i', fat, '::EFI')
    await tool('sgdisk', '-n1:2048:+64M', '-t1:ef00', '-n2:0:+128M', raw)
    const places = await partitions(raw)
    await put(raw, places.get(1)!.start, await readRange(fat, 0, 64 * MIB))
    await put(raw, places.get(2)!.start, await readRange(ext4, 0, 128 * MIB))
  } finally {
    await rm(folder, { recursive: true })
  }
}

it('files are in the file systems of the disk, whatever its links say, and the file systems are whole', async () => {
  await using agent = await (await savedAgent()).goOn()
  const { file } = await agent.addDisk({ sizeMiB: 5000, serial: 'root' }, fill)
  const files = [
    { path: '/etc/motd', content: base64('mine'), owner: 1000, group: 100, mode: 0o640 },
    { path: '/etc/evil/agent.cjs', content: base64('not of the ramdisk') },
    { path: '/etc/init', content: base64('no init of the ramdisk') },
    { path: '/EFI/BOOT/grub.cfg', content: base64('echo hello') },
    { path: '/startup.nsh', content: base64('x'), partition: 1 },
  ]
  const { command_result: done, command_error: error } = await agent.step('deploy', 'inject_files', { files })
  expect(error).toBeNull()
  expect(JSON.stringify(done)).toContain('/etc/motd, /etc/evil/agent.cjs, /etc/init, /EFI/BOOT/grub.cfg, /startup.nsh')
  const { command_error: missing } = await agent.step('deploy', 'inject_files', {
    files: [{ path: '/srv/x', content: '' }],
  })
  expect(missing).toMatchObject({
    type: 'DeviceNotFound',
    details: expect.stringMatching(/vda1 \(vfat\), \S+vda2 \(ext4\)/),
  })
  // Its own files are as they were: it still answers, and its init is a script.
  expect(await agent.command('poll.get_hardware_info')).toMatchObject({ command_status: 'SUCCEEDED' })
  await agent.machine.cut()

  const raw = await rawOf(file)
  const places = await partitions(raw)
  const ext4 = `${raw}.ext4`
  await writeFile(ext4, await readRange(raw, places.get(2)!.start, 128 * MIB))
  await tool('e2fsck', '-f', '-n', ext4)
  const inside = (request: string) => tool('debugfs', '-R', request, ext4)
  expect(await inside('cat /etc/motd')).toBe('mine')
  expect(await inside('stat /etc/motd')).toMatch(/Mode:\s+0640[\s\S]*User:\s+1000\s+Group:\s+100/)
  expect(await inside('cat /opt/ferrule/agent.cjs')).toBe('not of the ramdisk')
  expect(await inside('cat /init')).toBe('no init of the ramdisk')
  const fat = `${raw}.fat`
  await writeFile(fat, await readRange(raw, places.get(1)!.start, 64 * MIB))
  expect(await tool('mtype', '-i', fat, '::EFI/BOOT/grub.cfg')).toBe('echo hello')
  expect(await tool('mtype', '-i', fat, '::startup.nsh')).toBe('x')
})
