// Prepares a machine's disk from outside, as if a deployment had been there before: for tests that start at "deployed".
import { closeSync, openSync, writeSync } from 'node:fs'
import { run } from './run.ts'

const SECTOR = 512
const CONFIG_DRIVE_MIB = 64

/** Writes a whole-disk image (any format qemu-img knows) onto a raw disk, which keeps its size. */
export async function writeImage(disk: string, image: string): Promise<void> {
  await run('qemu-img', ['convert', '-n', '-O', 'raw', image, disk])
}

/** Adds a partition config-2 at the end of a GPT disk and writes the volume into it. */
export async function addConfigDrive(disk: string, volume: Uint8Array): Promise<void> {
  const partition = ['--new', `0:-${CONFIG_DRIVE_MIB}MiB:0`, '--change-name', '0:config-2', '--typecode', '0:8300']
  await run('sgdisk', ['--move-second-header', disk])
  await run('sgdisk', [...partition, disk])
  const table = await run('sgdisk', ['--print', disk])
  const start = /^\s*\d+\s+(\d+)\s.*config-2\s*$/m.exec(table)?.[1]
  if (start === undefined) throw new Error(`no partition config-2 on ${disk}:\n${table}`)
  const file = openSync(disk, 'r+')
  writeSync(file, volume, 0, volume.length, Number(start) * SECTOR)
  closeSync(file)
}
