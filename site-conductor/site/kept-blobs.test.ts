// Config drives are there when they are needed, whether the cloud is or not.
import { expect, test } from 'vitest'
import { FakeDisk } from '../testing/fake-disk.ts'
import { KeptBlobs } from './kept-blobs.ts'
import { silent } from '../log.ts'

const steps = [{ interface: 'deploy', step: 'write_configdrive', args: {} }]
const task = { node: 'n', steps, context: { instance_info: { configdrive: 'blob:sites/s/drive' } } }

function setUp() {
  const cloud = { isThere: true, asked: 0 }
  const fetch = async (key: string) => {
    cloud.asked++
    if (!cloud.isThere) throw new Error('no route')
    return `sealed ${key}`
  }
  const disk = new FakeDisk()
  return { cloud, disk, blobs: new KeptBlobs(disk, fetch, silent), again: () => new KeptBlobs(disk, fetch, silent) }
}

test('a config drive is there when its task is accepted, and is there after the cloud has gone', async () => {
  const { cloud, blobs, again } = setUp()
  await Promise.all([blobs.ahead(task), blobs.ahead(task)])
  expect(await blobs.read('sites/s/drive')).toBe('sealed sites/s/drive')
  cloud.isThere = false
  expect(await blobs.read('sites/s/drive')).toBe('sealed sites/s/drive')
  const restarted = again()
  await restarted.ahead(task)
  expect(await restarted.read('sites/s/drive')).toBe('sealed sites/s/drive')
  expect(cloud.asked).toBe(1)
})

test('it goes with the task; what was never fetched ahead is fetched when it is needed', async () => {
  const { cloud, blobs } = setUp()
  await blobs.ahead(task)
  await blobs.drop('n')
  cloud.isThere = false
  await expect(blobs.read('sites/s/drive')).rejects.toThrow('no route')
  await blobs.ahead(task)
  await expect(blobs.read('sites/s/drive')).rejects.toThrow('no route')
  cloud.isThere = true
  expect(await blobs.read('sites/s/drive')).toBe('sealed sites/s/drive')
})

test('a disk that does not let go of one is no reason to stop', async () => {
  const { disk, blobs } = setUp()
  await blobs.ahead(task)
  disk.remove = () => Promise.reject(new Error('EROFS'))
  await expect(blobs.drop('n')).resolves.toBeUndefined()
})

test('a task without one, with a plain one, or that does not write it asks for nothing', async () => {
  const { cloud, blobs } = setUp()
  await blobs.ahead({ node: 'n', steps, context: {} })
  await blobs.ahead({ node: 'n', steps, context: { instance_info: { configdrive: 'aGVsbG8=' } } })
  await blobs.ahead({ ...task, steps: [{ interface: 'power', step: 'power_off', args: {} }] })
  expect(cloud.asked).toBe(0)
})
