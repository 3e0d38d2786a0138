import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { encodeBootEntry } from '../disk/boot-entry.ts'
import { temporaryFolder } from '../testing.ts'
import { bootMenu } from './efi-variables.ts'

const GLOBAL = '8be4df61-93ca-11d2-aa0d-00e098032b8c'
const partition = { number: 1, guid: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B', firstLba: 1, lastLba: 2 }
const entry = (description: string, path = '\\x') => encodeBootEntry({ description, partition, path })

async function firmware(root: string, variables: Record<string, Buffer>) {
  const folder = join(root, 'sys/firmware/efi/efivars')
  await mkdir(folder, { recursive: true })
  for (const [name, value] of Object.entries(variables))
    await writeFile(join(folder, `${name}-${GLOBAL}`), Buffer.concat([Buffer.from([7, 0, 0, 0]), value]))
  return {
    names: async () => (await readdir(folder)).map((file) => file.split('-')[0]).sort(),
    value: async (name: string) => (await readFile(join(folder, `${name}-${GLOBAL}`))).toString('hex'),
  }
}

it('is not there on a machine that was not booted by UEFI', async () => {
  await using folder = await temporaryFolder()
  expect(await bootMenu(folder.path)).toBeUndefined()
})

it('takes the first free number, comes first, and leaves the others in their order', async () => {
  await using folder = await temporaryFolder()
  const order = Buffer.from([2, 0, 0, 0])
  const found = await firmware(folder.path, { Boot0000: entry('Shell'), Boot0002: entry('Net'), BootOrder: order })
  expect(await (await bootMenu(folder.path))?.putFirst('ours', entry('ours'))).toBe('Boot0001')
  expect(await found.value('BootOrder')).toBe('07000000010002000000')
  expect(await found.value('Boot0001')).toBe(`07000000${entry('ours').toString('hex')}`)
})

it('replaces an older entry of ours, and leaves one of several', async () => {
  await using folder = await temporaryFolder()
  const order = Buffer.from([0, 0, 0x0a, 0, 0x0b, 0])
  const broken = Buffer.from('01000000', 'hex')
  const variables = { Boot0000: broken, Boot000A: entry('ours', '\\old'), Boot000B: entry('ours'), BootOrder: order }
  const found = await firmware(folder.path, variables)
  expect(await (await bootMenu(folder.path))?.putFirst('ours', entry('ours', '\\new'))).toBe('Boot000A')
  expect(await found.names()).toEqual(['Boot0000', 'Boot000A', 'BootOrder'])
  expect(await found.value('BootOrder')).toBe('070000000a000000')
  expect(await found.value('Boot000A')).toContain(Buffer.from('\\new', 'utf16le').toString('hex'))
})

it('makes the order where the firmware has none', async () => {
  await using folder = await temporaryFolder()
  const found = await firmware(folder.path, {})
  expect(await (await bootMenu(folder.path))?.putFirst('ours', entry('ours'))).toBe('Boot0000')
  expect(await found.value('BootOrder')).toBe('070000000000')
})
