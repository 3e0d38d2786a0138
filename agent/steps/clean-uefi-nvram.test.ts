// A UEFI machine whose variables are files, and whose root disk is one, too.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { makeImage } from '../../sim/image.ts'
import type { Phase } from '../command.ts'
import { encodeBootEntry } from '../disk/boot-entry.ts'
import { executeStep } from '../step-list.ts'
import { put } from '../testdata/host-tools.ts'
import { fakeContext, fakeMachine, fileDisk, GIB, MIB, temporaryFolder, testNode } from '../testing.ts'

const GLOBAL = '8be4df61-93ca-11d2-aa0d-00e098032b8c'
const ATTRIBUTES = Buffer.from([7, 0, 0, 0])
/** Of the one partition of makeImage(…, 1). */
const ON_DISK = '5EED0000-0000-4000-8000-000000000012'
const OF_BEFORE = 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B'

const onDisk = (description: string, guid: string, path = '\\EFI\\BOOT\\BOOTX64.EFI') =>
  encodeBootEntry({ description, partition: { number: 1, guid, firstLba: 1, lastLba: 2 }, path })
/** PciRoot(0x0)/Pci(0x3,0x0)/MAC(…) */
const nic = (description: string) => {
  const path = Buffer.from(
    `02010c00d041030a00000000010106000003030b2500525400123456${'00'.repeat(26)}017fff0400`,
    'hex',
  )
  const head = Buffer.from([1, 0, 0, 0, path.length, 0])
  return Buffer.concat([head, Buffer.from(`${description}\0`, 'utf16le'), path])
}
const numbers = (...all: number[]) => Buffer.concat(all.map((each) => Buffer.from([each, 0])))

async function machine(variables: Record<string, Buffer>) {
  const folder = await temporaryFolder()
  const efivars = join(folder.path, 'sys/firmware/efi/efivars')
  await mkdir(efivars, { recursive: true })
  for (const [name, value] of Object.entries(variables))
    await writeFile(join(efivars, `${name}-${GLOBAL}`), Buffer.concat([ATTRIBUTES, value]))
  const disk = await fileDisk(folder.path, 'sda', 4 * GIB)
  await put(disk.path, 0, makeImage(4 * MIB).bytes)
  const facts = fakeMachine([disk], { root: folder.path })
  return {
    folder,
    async clean(args: Record<string, unknown> = {}, phase: Phase = 'clean') {
      const step = { step: 'clean_uefi_nvram', args }
      const answer = await executeStep(phase, fakeContext(facts), { step, node: testNode, ports: [] })
      return ((answer as Record<string, unknown>)[`${phase}_result`] as { result: string }).result
    },
    names: async () => (await readdir(efivars)).map((file) => file.split('-')[0]).sort(),
    order: async () => (await readFile(join(efivars, `BootOrder-${GLOBAL}`))).toString('hex', 4),
  }
}

const ENTRIES = {
  Boot0000: nic('UEFI PXEv4'),
  Boot0001: onDisk('old system', OF_BEFORE),
  Boot0002: onDisk('Ferrule instance', ON_DISK),
  Boot0003: onDisk('started by this', OF_BEFORE),
  Boot0004: Buffer.from([1, 0, 0, 0, 4, 0, 0x41]),
  BootCurrent: numbers(3),
  BootOrder: numbers(2, 1, 0, 3, 4),
}

it('entries of disks go, those of networks and of what the machine was started by stay, and so does what nobody can read', async () => {
  const { folder, clean, names, order } = await machine(ENTRIES)
  await using _ = folder
  expect(await clean()).toBe(
    'clean_uefi_nvram: removed Boot0001 (old system), Boot0002 (Ferrule instance); in use and kept: Boot0003',
  )
  expect(await names()).toEqual(['Boot0000', 'Boot0003', 'Boot0004', 'BootCurrent', 'BootOrder'])
  expect(await order()).toBe('000003000400')
  expect(await clean()).toBe('clean_uefi_nvram: removed nothing; in use and kept: Boot0003')
})

it('in a deployment the entries of the disk that is deployed stay', async () => {
  const { folder, clean, names } = await machine(ENTRIES)
  await using _ = folder
  expect(await clean({}, 'deploy')).toContain('removed Boot0001 (old system); in use and kept: Boot0002, Boot0003')
  expect(await names()).toContain('Boot0002')
})

it('patterns are looked for in the path, upper case or lower case', async () => {
  const { folder, clean, names, order } = await machine({ ...ENTRIES, BootNext: numbers(1) })
  await using _ = folder
  expect(await clean({ match_patterns: ['mac\\(525400', 'old system'] })).toContain('removed Boot0000 (UEFI PXEv4)')
  expect(await clean({ match_patterns: ['.'] })).toContain(
    'removed Boot0002 (Ferrule instance); in use and kept: Boot0001, Boot0003',
  )
  expect(await names()).toEqual(['Boot0001', 'Boot0003', 'Boot0004', 'BootCurrent', 'BootNext', 'BootOrder'])
  expect(await order()).toBe('010003000400')
  await expect(clean({ match_patterns: ['('] })).rejects.toThrow('no regular expression')
})

it('a machine without UEFI has nothing to clean', async () => {
  await using folder = await temporaryFolder()
  const context = fakeContext(fakeMachine([], { root: folder.path }))
  const answer = await executeStep('clean', context, { step: { step: 'clean_uefi_nvram' }, node: testNode, ports: [] })
  expect(answer).toMatchObject({ clean_result: { result: 'clean_uefi_nvram: this machine was not booted by UEFI' } })
})
