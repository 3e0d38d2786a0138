import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { temporaryFolder } from '../../agent/testing.ts'
import { progressReader, qemuImgFault, runQemuImg } from './qemu-img.ts'

afterEach(() => void vi.unstubAllEnvs())

test('progress is read in pieces of any size, and only what is complete', () => {
  const text = '    (0.00/100%)\r    (7.25/100%)\r    (100.00/100%)\r    (100.00/100%)\n'
  for (let size = 1; size <= text.length; size++) {
    const seen: number[] = []
    const read = progressReader((fraction) => seen.push(fraction))
    for (let at = 0; at < text.length; at += size) read(text.slice(at, at + size))
    expect(seen.at(-1)).toBe(1)
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
    if (size < 12) expect(seen).toEqual([0, 0.0725, 1, 1])
  }
})

test('junk is no progress and does not pile up', () => {
  const seen: number[] = []
  const read = progressReader((fraction) => seen.push(fraction))
  for (let i = 0; i < 1000; i++) read('(NaN/100%) (1/2%) 50%')
  read('(3.00/100%)')
  expect(seen).toEqual([0.03])
})

test.each([
  [{ code: 127 }, 'setpriv: failed to execute qemu-img: No such file or directory', 'driver.unsupported'],
  [{ notStarted: 'spawn setpriv ENOENT' }, '', 'driver.unsupported'],
  [{ code: 1 }, "qemu-img: Unknown driver 'iscsi'", 'driver.unsupported'],
  [{ code: 1 }, 'qemu-img: error while writing at byte 0: No space left on device', 'unavailable'],
  [{ killedBy: 'SIGKILL' }, '', 'unavailable'],
  [
    { code: 1 },
    'qemu-img: iSCSI: Failed to connect to LUN : Failed to log in to target. Status: Authentication failure(513)',
    'agent.lost',
  ],
  [{ code: 1 }, 'qemu-img: error while writing at byte 2097152: Input/output error', 'disk.io'],
])('%j with "%s" is %s', (end, said, expected) => {
  const { fault } = qemuImgFault(end, said)
  expect(fault.code).toBe(expected)
  expect(fault.message).not.toContain('qemu-img: ')
})

const never = new AbortController().signal

test('a host without setpriv hears what to install, not to replace a disk', async () => {
  await using folder = await temporaryFolder()
  vi.stubEnv('PATH', folder.path)
  await expect(runQemuImg({ args: ['info'], signal: never })).rejects.toMatchObject({
    fault: { code: 'driver.unsupported', message: expect.stringContaining('ENOENT') as string },
  })
})

test('a qemu-img that the kernel kills is a host that is short of something, not one without the program', async () => {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, 'setpriv'), '#!/bin/sh\nkill -KILL $$\n', { mode: 0o755 })
  vi.stubEnv('PATH', `${folder.path}:${process.env['PATH']}`)
  await expect(runQemuImg({ args: ['info'], signal: never })).rejects.toMatchObject({
    fault: { code: 'unavailable', message: 'qemu-img was killed by SIGKILL' },
  })
})
