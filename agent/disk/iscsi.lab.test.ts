// A disk that is exported over iSCSI from inside the machine: who may write, what is read back, and that nobody writes after the end. The initiator is
// libiscsi of qemu-img, as the conductor uses it. Judges: qemu-img's exit, and the file behind the disk.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { MIB, noise, sha256, temporaryFolder } from '../testing.ts'
import { expectDisk, partitions, put, rawOf, readRange, tool } from '../testdata/host-tools.ts'
import { ISCSI_PORT, savedAgent } from '../testdata/saved-agent.ts'

const IQN = 'iqn.2026-01.example:node-1'
const CHAP = { username: 'ferrule', secret: 'twelve-or-more' }

it('only who knows the secret writes the disk, only until the end, and what arrived is what is read back', async () => {
  await using folder = await temporaryFolder()
  const at = (name: string) => join(folder.path, name)
  await writeFile(at('image'), noise(24 * MIB))
  await tool('sgdisk', '--zap-all', '--new=1:2048:+8M', '--change-name=1:root', at('image'))
  const image = at('image')

  await using agent = await (await savedAgent()).goOn()
  // The smallest that is large enough is the root disk; the other must stay blank.
  const disk = await agent.addDisk({ sizeMiB: 5000, serial: 'ROOT' }, (raw) => put(raw, 0, noise(MIB, 7)))
  const other = await agent.addDisk({ sizeMiB: 6000, serial: 'OTHER' })
  const port = await agent.portOf(ISCSI_PORT)
  const write = async (secret: string): Promise<string> => {
    await writeFile(at('secret'), secret)
    const target = `driver=iscsi,transport=tcp,portal=127.0.0.1:${port},target=${IQN},lun=1,user=${CHAP.username},password-secret=s`
    const login = ['--object', `secret,id=s,file=${at('secret')}`]
    const done = tool('qemu-img', 'convert', ...login, '-n', '-f', 'raw', image, '--target-image-opts', target)
    return await done.then(
      () => 'written',
      (error: Error) => error.message,
    )
  }
  const result = async (name: string, params: Record<string, unknown>) => {
    const { command_error: error, command_result: value } = await agent.command(name, params)
    return error ?? value
  }

  await expect(result('iscsi.start_iscsi_target', { iqn: IQN })).rejects.toThrow('chap is missing')
  expect(await result('iscsi.start_iscsi_target', { iqn: IQN, chap: CHAP, wipe_disk_metadata: true })).toEqual({
    iscsi_target_iqn: IQN,
    portal_port: ISCSI_PORT,
    disk_bytes: 5000 * MIB,
    ended: null,
  })
  expect(await write('not-the-secret')).toMatch(/Authentication failure/)
  expect(await write(CHAP.secret)).toBe('written')
  const digest = { iqn: IQN, bytes: 24 * MIB, algorithm: 'sha256' }
  expect(await result('iscsi.digest', digest), 'somebody may still be writing').toMatchObject({
    type: 'CommandExecutionError',
  })
  expect(await result('iscsi.stop_iscsi_target', { iqn: 'iqn.2026-01.example:node-2' })).toEqual({ stopped: false })
  expect(await result('iscsi.stop_iscsi_target', { iqn: IQN })).toEqual({ stopped: true })
  expect(await write(CHAP.secret), 'nobody writes after the end').not.toBe('written')
  const written = await readRange(image, 0, 24 * MIB)
  expect(await result('iscsi.digest', digest)).toEqual({
    algorithm: 'sha256',
    digest: sha256(written),
    bytes: 24 * MIB,
  })
  expect(await result('iscsi.finish_disk', { iqn: IQN })).toBeNull()
  expect(await result('standby.get_partition_uuids', {})).toMatchObject({ partitions: { root: '/dev/vda1' } })
  expect(await result('image.install_bootloader', { target_boot_mode: 'uefi' })).toMatchObject({
    result: expect.stringContaining('this machine was not booted by UEFI') as string,
  })
  await agent.machine.cut()

  const raw = await rawOf(disk.file)
  expect(await tool('sgdisk', '--verify', raw)).toContain('No problems found')
  expect((await partitions(raw)).get(1)).toEqual({ start: MIB, size: 8 * MIB, name: 'root' })
  expect((await readRange(raw, MIB, 22 * MIB)).equals(written.subarray(MIB, 23 * MIB))).toBe(true)
  await expectDisk(other.file, Buffer.alloc(0))
})
