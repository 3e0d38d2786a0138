// What mdadm is told, and what it says.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../testing.ts'
import type { ToolResult } from '../tool.ts'
import { arrayOf, mdArrays, parseDetail, partitionPath } from './md-arrays.ts'

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
const members = ['/dev/sda2', '/dev/sdb2']

test('arrays of this ramdisk, and nobody else’s', () => {
  const path = '/dev/md127'
  expect(parseDetail(path, detail('ferrule:data'))).toEqual({ path, name: 'data', isRoot: false, members })
  expect(parseDetail(path, detail('ferrule:root.system'))).toEqual({ path, name: 'system', isRoot: true, members })
  expect(parseDetail(path, detail('tenant:data'))).toBeUndefined()
  expect(parseDetail(path, 'mdadm: md127 does not appear to be an md device')).toBeUndefined()
})

test('a disk is a member where a partition of it is, and not where its name only begins like one', () => {
  const array = { path: '/dev/md0', name: 'a', isRoot: false, members: ['/dev/sda2', '/dev/nvme0n1p2', '/dev/sdaa1'] }
  const isMember = (disk: string) => arrayOf(disk, [array]) !== undefined
  expect(['/dev/sda', '/dev/nvme0n1', '/dev/sdaa'].map(isMember)).toEqual([true, true, true])
  expect(['/dev/sdb', '/dev/nvme0', '/dev/md0'].map(isMember)).toEqual([false, false, false])
  expect([partitionPath('/dev/sda', 2), partitionPath('/dev/md0', 1)]).toEqual(['/dev/sda2', '/dev/md0p1'])
})

test('an array gets the next free name, the ramdisk as its host, and a bitmap where it has copies', async () => {
  await using folder = await temporaryFolder()
  await mkdir(join(folder.path, 'sys/block/md0'), { recursive: true })
  const told: string[][] = []
  const answer: ToolResult = { code: 0, stdout: '', stderr: '' }
  const raid = mdArrays(folder.path, async (_program, args) => {
    told.push(args)
    return answer
  })
  await raid.create({ name: 'my volume:1', isRoot: true, level: '1', members })
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
  await expect(raid.delete({ path: '/dev/md0', name: 'a', isRoot: false, members })).rejects.toMatchObject({
    type: 'SoftwareRAIDError',
    details: 'mdadm: no such device',
  })
})
