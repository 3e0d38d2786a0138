// The write over iSCSI with the real programs, from one end to the other: what is on the disk afterwards, and who gets in. What goes wrong in the middle:
// iscsi-mid-write.tools.test.ts.
import { execFile, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { diskBytes, MIB, noise, sha256 } from '../../agent/testing.ts'
import { ImageCache } from './image-cache.ts'
import { runQemuImg } from './qemu-img.ts'
import {
  contextOf,
  disk,
  DISK_BYTES,
  folder,
  image,
  lines,
  networks,
  never,
  port,
  processes,
  SECRET,
  serve,
  target,
  tgtd,
  writeImage,
  writes,
} from './testdata/iscsi-rig.ts'

const chap = { username: 'ferrule', secret: SECRET }
const run = promisify(execFile)

const start = (iqn: string, more: object = {}) =>
  target.start({ iqn, port: 1, path: disk.path, chap, initiator: '127.0.0.1', ...more }, never)
/** Tries to write `path` to the export as somebody who knows `secret`. */
const intrude = (iqn: string, path: string, secret?: string) => {
  const login = secret === undefined ? '' : ',user=ferrule,password-secret=secret0'
  const options = `driver=iscsi,transport=tcp,portal=127.0.0.1:${port},target=${iqn},lun=1${login}`
  const args = ['convert', '-n', '-f', 'raw', path, '--target-image-opts', options]
  return runQemuImg({ args, signal: never, ...(secret !== undefined && { secret: { text: secret, folder } }) })
}

test('a raw image is on a used disk byte for byte, is verified there, and the rest of the disk is left', async () => {
  const context = await contextOf()
  await writeImage(context)
  const written = await diskBytes(disk)
  expect(sha256(written.subarray(0, image.length))).toBe(sha256(image))
  expect(written[66 * MIB]).toBe(0xa5)
  expect(target.current).toBeUndefined()
  expect(context.notes.map(({ stage }) => stage)).toEqual(
    expect.arrayContaining(['write_image', 'write_image.exported', 'write_image.written', 'write_image.verified']),
  )
  const progress = context.notes.filter(({ stage }) => stage === 'write_image')
  expect(progress[0]!.body).toMatchObject({ bytes: expect.any(Number), total: image.length })
  expect(context.checks).toBeGreaterThan(4)
  const told = JSON.stringify([context.notes, context.kept, lines])
  expect(told).not.toContain(SECRET)
  expect(readdirSync(join(folder, 'images')).filter((name) => name.startsWith('secret'))).toEqual([])
})

test('a qcow2 image is written as what it contains', async () => {
  await writeFile(join(folder, 'raw'), image)
  await run('qemu-img', ['convert', '-c', '-f', 'raw', '-O', 'qcow2', join(folder, 'raw'), join(folder, 'qcow2')])
  serve(readFileSync(join(folder, 'qcow2')))
  await writeImage(await contextOf(never, 'qcow2'))
  expect(sha256((await diskBytes(disk)).subarray(0, image.length))).toBe(sha256(image))
})

test('a qcow2 that is small as a file and larger than the cache when it is unpacked is refused before that', async () => {
  await writeFile(join(folder, 'raw'), Buffer.alloc(16 * MIB, 1))
  await run('qemu-img', ['convert', '-c', '-f', 'raw', '-O', 'qcow2', join(folder, 'raw'), join(folder, 'qcow2')])
  serve(readFileSync(join(folder, 'qcow2')))
  const context = await contextOf(never, 'qcow2')
  const images = new ImageCache({ folder: join(folder, 'images'), maxBytes: 8 * MIB, networks })
  const site = { ...context.site, writes: { ...writes(), images } }
  await expect(writeImage({ ...context, site })).rejects.toMatchObject({ fault: { code: 'image.too_large' } })
  expect(target.lastIqn).toBeUndefined()
})

test('an image that is larger than the disk is refused before anything on the disk changes', async () => {
  serve(Buffer.alloc(DISK_BYTES + 512, 1))
  await expect(writeImage(await contextOf())).rejects.toMatchObject({ fault: { code: 'image.too_large' } })
  expect(target.current).toBeUndefined()
  expect((await diskBytes(disk)).equals(Buffer.alloc(DISK_BYTES, 0xa5))).toBe(true)
})

test('who has no secret, or a wrong one, or comes from elsewhere, does not get in; who has it does', async () => {
  const path = join(folder, 'intruder')
  await writeFile(path, noise(MIB, 9))
  const iqn = 'iqn.2008-10.org.openstack:node:1'
  await start(iqn)
  for (const secret of [undefined, 'a wrong secret of this length'])
    await expect(intrude(iqn, path, secret)).rejects.toMatchObject({ fault: { code: 'agent.lost' } })
  await start(iqn, { initiator: '192.0.2.1' })
  await expect(intrude(iqn, path, SECRET)).rejects.toMatchObject({ fault: { code: 'agent.lost' } })
  expect((await diskBytes(disk)).subarray(0, MIB).every((byte) => byte === 0xa5)).toBe(true)
  await start(iqn)
  await intrude(iqn, path, SECRET)
  expect(sha256((await diskBytes(disk)).subarray(0, MIB))).toBe(sha256(noise(MIB, 9)))
})

test('a new export shuts out whoever wrote to the one before it', async () => {
  const path = join(folder, 'old')
  await writeFile(path, noise(MIB, 9))
  await start('iqn.2008-10.org.openstack:node:1')
  await start('iqn.2008-10.org.openstack:node:2', { chap: { ...chap, secret: 'the secret of the next one' } })
  for (const name of ['node:1', 'node:2'])
    await expect(intrude(`iqn.2008-10.org.openstack:${name}`, path, SECRET)).rejects.toMatchObject({
      fault: { code: 'agent.lost' },
    })
})

test('a conductor that may not act on the node any more does not touch its disk', async () => {
  const context = await contextOf()
  context.refused = true
  await expect(writeImage(context)).rejects.toMatchObject({ fault: { code: 'fenced' } })
  expect(target.lastIqn).toBeUndefined()
  expect((await diskBytes(disk)).equals(Buffer.alloc(DISK_BYTES, 0xa5))).toBe(true)
})

test('a conductor that is killed takes qemu-img with it', async () => {
  const iqn = 'iqn.2008-10.org.openstack:killed'
  await start(iqn)
  process.kill(tgtd()!.pid, 'SIGSTOP')
  const options = `driver=iscsi,transport=tcp,portal=127.0.0.1:${port},target=${iqn},lun=1`
  const module = join(import.meta.dirname, 'qemu-img.ts')
  const code = `const { runQemuImg } = await import(${JSON.stringify(module)})
    await runQemuImg({ args: ['info', '--image-opts', ${JSON.stringify(options)}], signal: new AbortController().signal })`
  const parent = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: 'ignore' })
  const info = () => processes().find(({ line }) => line.startsWith('qemu-img') && line.includes(`127.0.0.1:${port}`))
  await expect.poll(info, { timeout: 20_000 }).toBeDefined()
  parent.kill('SIGKILL')
  await expect.poll(info, { timeout: 5_000 }).toBeUndefined()
})

test('a disk that does not hold what was written is found out', async () => {
  const original = target.stop.bind(target)
  target.stop = async () => {
    const wasExported = target.current !== undefined
    const stopped = await original()
    if (!wasExported) return stopped
    const file = await open(disk.path, 'r+')
    await file.write(Buffer.from([image[5 * MIB]! ^ 1]), 0, 1, 5 * MIB)
    await file.close()
    return stopped
  }
  await expect(writeImage(await contextOf())).rejects.toMatchObject({
    fault: { code: 'disk.io', message: expect.stringContaining('does not hold what was written') },
  })
  expect((await diskBytes(disk)).subarray(0, MIB).every((byte) => byte === 0)).toBe(true)
})

test('a conductor that takes over starts from the beginning and ends up with the same disk', async () => {
  const controller = new AbortController()
  const first = await contextOf(controller.signal)
  const note = first.note.bind(first)
  first.note = (stage, body) => {
    note(stage, body)
    if (stage === 'write_image.exported') controller.abort(new Error('killed'))
  }
  await expect(writeImage(first)).rejects.toThrow('killed')
  const second = await contextOf()
  await writeImage({ ...second, task: { ...second.task, epoch: 2 } })
  expect(sha256((await diskBytes(disk)).subarray(0, image.length))).toBe(sha256(image))
})
