// Which disk gets the image: a machine with eight disks on three buses is told by hints. Judge: the files behind the disks, after its end.
import { expect, it } from 'vitest'
import { noise, serveBytes, serveHttp, sha256 } from '../testing.ts'
import { expectDisk } from '../testdata/host-tools.ts'
import { HOST, savedAgent } from '../testdata/saved-agent.ts'

const GIB = 1024

it('each hint sends the image to its disk and leaves the others blank', async () => {
  await using agent = await (await savedAgent()).goOn()
  // In the order of their sizes the first is too small for a root disk, the second is what is taken without a hint.
  const files = {
    small: (await agent.addDisk({ sizeMiB: 512, serial: 'SMALL', device: { addr: 6 } })).file,
    first: (await agent.addDisk({ sizeMiB: 5 * GIB, serial: 'FIRST', device: { addr: 7 } })).file,
    second: (await agent.addDisk({ sizeMiB: 6 * GIB, serial: 'SECOND', device: { addr: 8 } })).file,
    third: (await agent.addDisk({ sizeMiB: 9 * GIB, serial: 'THIRD', device: { addr: 9 } })).file,
    naa: (
      await agent.addDisk({
        bus: 'scsi',
        sizeMiB: 12 * GIB,
        serial: 'ST-1',
        device: { 'scsi-id': 0, wwn: '0x5000c500a1b2c3d4', vendor: 'SEAGATE', product: 'ST6000NM' },
      })
    ).file,
    scsi: (await agent.addDisk({ bus: 'scsi', sizeMiB: 14 * GIB, serial: 'ST-2', device: { 'scsi-id': 1 } })).file,
    nvme: (await agent.addDisk({ bus: 'nvme', sizeMiB: 20 * GIB, serial: 'NVME-1', device: { addr: 10 } })).file,
    spare: (await agent.addDisk({ sizeMiB: 30 * GIB, serial: 'SPARE', device: { addr: 11 } })).file,
  }
  const choices: [hints: Record<string, unknown> | undefined, disk: keyof typeof files, name: string][] = [
    [undefined, 'first', '/dev/vdb'],
    [{ size: '== 6' }, 'second', '/dev/vdc'],
    [{ by_path: '/dev/disk/by-path/pci-0000:00:09.0' }, 'third', '/dev/vdd'],
    [{ wwn: '0x5000c500a1b2c3d4', vendor: 'seagate' }, 'naa', '/dev/sda'],
    [{ name: '/dev/nvme0n1' }, 'nvme', '/dev/nvme0n1'],
    // As udev counts a controller's SCSI hosts, whatever number the kernel gave this one.
    [{ by_path: '/dev/disk/by-path/pci-0000:00:04.0-scsi-0:0:1:0' }, 'scsi', '/dev/sdb'],
    // Smaller than what everybody would take, so that only the hint can be the reason.
    [{ serial: 's== small' }, 'small', '/dev/vda'],
  ]
  const images = choices.map((_, index) => noise(3 * 2 ** 20 + 512 * index, index + 1))
  await using server = await serveHttp((request, response) => {
    const bytes = images[Number(request.url?.slice(1))]
    if (bytes) serveBytes(bytes)(request, response)
    else response.writeHead(404).end()
  })
  const imageInfo = (index: number) => ({
    id: `image ${index}`,
    urls: [`${server.url.replace('127.0.0.1', HOST)}/${index}`],
    disk_format: 'raw',
    os_hash_algo: 'sha256',
    os_hash_value: sha256(images[index]!),
  })
  const write = (index: number, rootDevice: Record<string, unknown> | undefined) =>
    agent.step(
      'deploy',
      'write_image',
      { image_info: imageInfo(index) },
      { instance_info: rootDevice ? { root_device: rootDevice } : {} },
    )

  for (const [index, [hints, , name]] of choices.entries()) {
    const { command_error: error, command_result: result } = await write(index, hints)
    expect(error, JSON.stringify(hints)).toBeNull()
    expect(JSON.stringify(result)).toContain(`written to device ${name} size ${images[index]!.length}`)
  }
  const none = await write(0, { serial: 'nobody' })
  expect(none.command_error).toMatchObject({ type: 'DeviceNotFound' })
  await agent.machine.cut()

  for (const [index, [, disk]] of choices.entries()) await expectDisk(files[disk], images[index]!)
  await expectDisk(files.spare, Buffer.alloc(0))
})
