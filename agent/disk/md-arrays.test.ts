// What mdadm is told, and what it says.
import { mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../testing.ts'
import type { ToolResult } from '../tool.ts'
import { arraysOn, mdArrays, parseDetail, partitionPath } from './md-arrays.ts'

const detail = (name: string) => `MD_LEVEL=raid1
MD_DEVICES=2
MD_METADATA=1.2
MD_UUID=c0ffee:1:2:3
MD_NAME=${name}
MD_DEVICE_dev_sdb2_ROLE=1
MD_DEVICE_dev_sdb2_DEV=/dev/sdb2
MD_DEVICE_dev_sda2_ROLE=0
MD_DEVICE_dev_sda2_DEV=/dev/sda2
`
const ARRAY = { path: '/dev/md0', uuid: 'c0ffee:1:2:3', name: 'a', isRoot: false, spans: {} }
const members = ['/dev/sda2', '/dev/sdb2']

test('what an array says of itself, and one that does not run', () => {
  const uuid = 'c0ffee:1:2:3'
  expect(parseDetail(detail('ferrule:data'))).toEqual({ uuid, name: 'data', isRoot: false })
  expect(parseDetail(detail('ferrule:root.system'))).toEqual({ uuid, name: 'system', isRoot: true })
  expect(parseDetail('mdadm: cannot get array detail')).toEqual({ uuid: '', name: '', isRoot: false })
})

test('only arrays whose UUIDs are asked for are put together; all that the kernel has are told, running or not', async () => {
  await using folder = await temporaryFolder()
  const appear = async (name: string, ...slaves: string[]) => {
    for (const slave of slaves) await mkdir(join(folder.path, 'sys/block', name, 'slaves', slave), { recursive: true })
  }
  await appear('md0', 'sda2', 'sdb2')
  // Left of one that was stopped.
  await mkdir(join(folder.path, 'sys/block/md1/slaves'), { recursive: true })
  const member = join(folder.path, 'sys/block/md0/md/dev-sda2')
  await mkdir(member, { recursive: true })
  await writeFile(join(member, 'offset'), '2048\n')
  await writeFile(join(member, 'size'), '1000\n')
  const assembled: string[][] = []
  const raid = mdArrays(folder.path, async (_program, args) => {
    if (args[0] === '--assemble') {
      assembled.push(args.slice(1, 3))
      await appear('md2', 'sdc1')
    }
    const stdout = args.at(-1)!.endsWith('md0') ? detail('ferrule:data') : ''
    return { code: 0, stdout, stderr: '' }
  })
  const there = await raid.list(['c0ffee:1:2:3', 'dead:beef:0:0'])
  expect(assembled).toEqual([[join(folder.path, 'dev/md2'), '--uuid=dead:beef:0:0']])
  expect(there.map(({ path, uuid, members: of }) => [basename(path), uuid, of.map((each) => basename(each))])).toEqual([
    ['md0', 'c0ffee:1:2:3', ['sda2', 'sdb2']],
    ['md2', '', ['sdc1']],
  ])
  expect(there[0]!.spans).toEqual({ [join(folder.path, 'dev/sda2')]: { dataAt: 2048 * 512, dataBytes: 1000 * 1024 } })
})

test('a disk is a member where a partition of it is, and not where its name only begins like one', () => {
  const array = { ...ARRAY, members: ['/dev/sda2', '/dev/nvme0n1p2', '/dev/sdaa1'] }
  const isMember = (disk: string) => arraysOn(disk, [array]).length > 0
  expect(['/dev/sda', '/dev/nvme0n1', '/dev/sdaa'].map(isMember)).toEqual([true, true, true])
  expect(['/dev/sdb', '/dev/nvme0', '/dev/md0'].map(isMember)).toEqual([false, false, false])
  expect([partitionPath('/dev/sda', 2), partitionPath('/dev/md0', 1)]).toEqual(['/dev/sda2', '/dev/md0p1'])
})

test('an array gets the next free name, the ramdisk as its host, and a bitmap where it has copies', async () => {
  await using folder = await temporaryFolder()
  const appear = async (path: string) =>
    await mkdir(join(folder.path, 'sys/block', basename(path), 'slaves/sda2'), { recursive: true })
  await appear('md0')
  const told: string[][] = []
  const answer: ToolResult = { code: 0, stdout: '', stderr: '' }
  const raid = mdArrays(folder.path, async (_program, args) => {
    if (args[0] === '--detail') return { ...answer, stdout: detail('ferrule:x') }
    told.push(args)
    if (args[0] === '--create') await appear(args[1]!)
    return answer
  })
  expect(await raid.create({ name: 'my volume:1', isRoot: true, level: '1', members })).toBe('c0ffee:1:2:3')
  await raid.create({ name: 'x'.repeat(40), isRoot: false, level: '0', members })
  expect(told[0]).toEqual(
    expect.arrayContaining([
      join(folder.path, 'dev/md1'),
      '--homehost=ferrule',
      '--name=root.my_volume_1',
      '--bitmap=internal',
    ]),
  )
  expect(told[0]!.slice(-2)).toEqual(members)
  expect(told[1]).toEqual(expect.arrayContaining([`--name=${'x'.repeat(18)}`, '--level=0']))
  expect(told[1]!.join()).not.toContain('bitmap')
  Object.assign(answer, { code: 1, stderr: 'mdadm: no such device' })
  await expect(raid.delete({ ...ARRAY, members })).rejects.toMatchObject({
    type: 'SoftwareRAIDError',
    details: 'mdadm: no such device',
  })
})
