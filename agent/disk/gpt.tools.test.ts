// Partition tables that sgdisk made, changed by us, checked by sgdisk.
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { MIB, temporaryFolder } from '../testing.ts'
import { runTool } from '../tool.ts'
import { openBlockTarget } from './block-target.ts'
import { addPartitionAtEnd, moveGptMirrorToEnd } from './partition-table.ts'

async function sgdisk(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runTool('sgdisk', args)
  if (code === 127) throw new Error('sgdisk is missing: apt-get install gdisk')
  if (code !== 0) throw new Error(`sgdisk ${args.join(' ')}: ${stdout}${stderr}`)
  return stdout
}

it('moved mirror and added partition leave sgdisk nothing to complain about', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'disk')
  const file = await open(path, 'w+')
  await file.truncate(32 * MIB)
  await sgdisk(
    '--new=1:2048:+8M',
    '--change-name=1:root',
    '--typecode=1:ef00',
    '--new=5:0:+4M',
    '--attributes=5:set:2',
    path,
  )
  await file.truncate(200 * MIB)
  await file.close()
  const before = await sgdisk('--info=5', path)
  expect(await sgdisk('--verify', path)).not.toContain('No problems found') // the mirror is in the middle

  const target = await openBlockTarget({ path, sizeBytes: 200 * MIB, logicalSectorBytes: 512, canZero: false })
  await moveGptMirrorToEnd(target)
  expect(await sgdisk('--verify', path)).toContain('No problems found')
  await addPartitionAtEnd(target, {
    name: 'config-2',
    sizeBytes: 64 * MIB,
    guid: 'AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE',
  })
  await target.close()
  expect(await sgdisk('--verify', path)).toContain('No problems found')
  expect(await sgdisk('--print', path)).toMatch(/^\s+2\s+276480\s+407551\s+64.0 MiB\s+8300\s+config-2$/m)
  expect(await sgdisk('--info=5', path)).toBe(before)
})
