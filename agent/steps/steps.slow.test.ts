// The steps as a conductor orders them, on disks made of files.
import { describe, expect, it } from 'vitest'
import type { CommandContext } from '../command.ts'
import { openBlockTarget } from '../disk/block-target.ts'
import { listPartitions, readPartitionTable } from '../disk/partition-table.ts'
import { encodeGptEntries, encodeGptHeader } from '../disk/gpt.ts'
import { MBR_TYPE_PROTECTIVE, withMbrEntry } from '../disk/mbr.ts'
import { executeParams, executeStep } from '../step-list.ts'
import type { FakeMachine } from '../testing.ts'
import {
  diskBytes,
  fakeContext,
  fakeMachine,
  fileDisk,
  GIB,
  MIB,
  noise,
  serveBytes,
  serveHttp,
  sha256,
  temporaryFolder,
  testNode,
} from '../testing.ts'

function gptImage(): Buffer {
  const sectors = 16 * 2048
  const bytes = noise(16 * MIB)
  const gpt = {
    ...{
      diskGuid: 'AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE',
      myLba: 1,
      otherLba: sectors - 1,
      firstUsableLba: 34,
      lastUsableLba: sectors - 34,
    },
    ...{ entriesLba: 2, entryCount: 128, entryBytes: 128, entries: [] },
  }
  bytes.fill(0, 0, MIB)
  const protective = { number: 1, bootable: false, type: MBR_TYPE_PROTECTIVE, firstLba: 1, sectors: sectors - 1 }
  withMbrEntry(bytes.subarray(0, 512), protective).copy(bytes)
  encodeGptHeader(gpt, 512).copy(bytes, 512)
  encodeGptEntries(gpt).copy(bytes, 1024)
  return bytes
}

function configDrive(): Buffer {
  const volume = noise(100 * 1024)
  volume.write('\x01CD001\x01', 32_768, 'latin1')
  volume.write('config-2'.padEnd(32), 32_808, 'latin1')
  return volume
}

const order = (machine: FakeMachine, step: string, args: object, node: object = {}) => {
  const phase = step.startsWith('erase') ? ('clean' as const) : ('deploy' as const)
  const params = executeParams.parse({ step: { step, args }, node: { ...testNode, ...node }, ports: [] })
  const context = fakeContext(machine)
  return { result: executeStep(phase, context as CommandContext, params), context }
}

describe('write_image', () => {
  it('chooses the disk by the hints of the instance, writes, and adds the config drive', async () => {
    await using folder = await temporaryFolder()
    const image = gptImage()
    await using server = await serveHttp(serveBytes(image))
    const [small, large] = [
      await fileDisk(folder.path, 'vda', 5 * GIB, { serial: 'A' }),
      await fileDisk(folder.path, 'vdb', 6 * GIB, { serial: 'B' }),
    ]
    const reread: string[] = []
    const machine = fakeMachine([small, large], {
      rereadPartitions: async ({ name }) => {
        reread.push(name)
        return 'device is busy'
      },
    })
    const image_info = { id: 'i', urls: [server.url], disk_format: 'raw', checksum: sha256(image) }
    const node = { instance_info: { root_device: { serial: 'b' } }, properties: { root_device: { serial: 'a' } } }
    const { result, context } = order(
      machine,
      'write_image',
      { image_info, configdrive: configDrive().toString('base64') },
      node,
    )
    expect(await result).toMatchObject({
      deploy_result: { result: expect.stringContaining(large.path) },
      deploy_step: { step: 'write_image' },
    })
    const target = await openBlockTarget(large)
    const partitions = listPartitions(await readPartitionTable(target), 512)
    const volume = Buffer.alloc(100 * 1024)
    await target.read(volume, partitions[0]!.startBytes)
    await target.close()
    expect(partitions).toMatchObject([{ number: 1, name: 'config-2', sizeBytes: 64 * MIB }])
    expect(volume.equals(configDrive())).toBe(true)
    expect(reread).toEqual(['vdb'])
    expect(context.lines.join('\n')).toContain('not read again: device is busy')
  })

  it('gives a silent image source up after as many tries of as many seconds as the boot loader said', async () => {
    await using folder = await temporaryFolder()
    let requests = 0
    await using server = await serveHttp((_request, response) => {
      requests++
      response.writeHead(200, { 'content-length': MIB }).flushHeaders()
    })
    const machine = fakeMachine([await fileDisk(folder.path, 'vda', 5 * GIB)])
    const image_info = {
      id: 'i',
      urls: [server.url],
      disk_format: 'raw',
      os_hash_algo: 'sha256',
      os_hash_value: '0'.repeat(64),
    }
    const params = executeParams.parse({
      step: { step: 'write_image', args: { image_info } },
      node: testNode,
      ports: [],
    })
    const context = fakeContext(machine, { boot: { imageStallMs: 50, imageTries: 2 } })
    await expect(executeStep('deploy', context, params)).rejects.toMatchObject({
      type: 'ImageDownloadError',
      details: expect.stringContaining('the source stalled: 0 bytes in 50 ms') as string,
    })
    expect(requests).toBe(2)
  })

  it('does not touch the disk for a config drive that is no good', async () => {
    await using folder = await temporaryFolder()
    const disk = await fileDisk(folder.path, 'vda', 5 * GIB)
    const image_info = { id: 'i', urls: ['http://127.0.0.1:1/'], disk_format: 'raw', checksum: '0'.repeat(64) }
    const { result, context } = order(fakeMachine([disk]), 'write_image', { image_info, configdrive: 'AAAA' })
    await expect(result).rejects.toMatchObject({ type: 'InvalidConfigDrive' })
    expect(context.lines).toEqual([])
  })
})

describe('write_configdrive', () => {
  it('fetches the volume from a URL, too', async () => {
    await using folder = await temporaryFolder()
    await using server = await serveHttp(serveBytes(Buffer.from(configDrive().toString('base64'))))
    const disk = await fileDisk(folder.path, 'vda', 5 * GIB)
    const target = await openBlockTarget(disk)
    await target.write(gptImage(), 0)
    await target.close()
    const { result } = order(fakeMachine([disk]), 'write_configdrive', { configdrive: `${server.url}/drive` })
    expect(await result).toMatchObject({
      deploy_result: { result: expect.stringContaining('102400 bytes in partition 1') },
    })
  })
})

describe('erase_devices_metadata', () => {
  it('erases every fixed disk but those to be skipped', async () => {
    await using folder = await temporaryFolder()
    const disk = (name: string, facts: object = {}) => fileDisk(folder.path, name, 16 * MIB, { dirty: true, ...facts })
    const disks = [
      await disk('a'),
      await disk('b', { serial: 'keep' }),
      await disk('c', { removable: true }),
      await disk('d', { readOnly: true }),
      await disk('e'),
    ]
    const { result } = order(
      fakeMachine(disks),
      'erase_devices_metadata',
      {},
      { properties: { skip_block_devices: [{ serial: 'keep' }] } },
    )
    await result
    const first = await Promise.all(disks.map(async (each) => (await diskBytes(each))[0]))
    expect(first).toEqual([0, 0xa5, 0xa5, 0xa5, 0])
  })

  it('goes on with the others when one disk fails, and then says which', async () => {
    await using folder = await temporaryFolder()
    const good = await fileDisk(folder.path, 'good', 16 * MIB, { dirty: true })
    const bad = { ...good, name: 'bad', path: `${folder.path}/gone` }
    const { result } = order(fakeMachine([bad, good]), 'erase_devices_metadata', {})
    await expect(result).rejects.toMatchObject({ type: 'DiskWriteError', details: expect.stringContaining('/gone') })
    expect((await diskBytes(good))[0]).toBe(0)
  })
})

it('an unknown step, and arguments that do not fit, are refused', async () => {
  await expect(order(fakeMachine(), 'dance', {}).result).rejects.toMatchObject({ type: 'InvalidCommandParamsError' })
  await expect(order(fakeMachine(), 'write_image', { image_info: {} }).result).rejects.toMatchObject({
    type: 'InvalidCommandParamsError',
  })
})
