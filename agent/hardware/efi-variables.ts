// The firmware's variables as Linux shows them (Documentation/filesystems/efivarfs.rst): a file is four bytes of attributes and the value.
// 1. A variable is written in one write(). 2. Only the boot menu is touched: Boot#### and BootOrder (UEFI 2.10 §3.3). 3. An order never names an entry
// that is gone.
import { access, readdir, readFile, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CodecError } from '../../shared/codec-error.ts'
import { descriptionOf, devicePathOf } from '../disk/boot-entry.ts'
import { devicePathText } from './device-path.ts'

const GLOBAL = '8be4df61-93ca-11d2-aa0d-00e098032b8c'
/** Non-volatile, for boot services and at run time (UEFI 2.10 §8.2.1). */
const ATTRIBUTES = Buffer.from([7, 0, 0, 0])
const HIGHEST = 0xffff

export interface BootEntry {
  /** Boot0007. */
  readonly name: string
  readonly description: string
  /** Where it leads, as efibootmgr shows it. */
  readonly path: string
  /** The machine was started by it, or is to be next. */
  readonly isInUse: boolean
}

export interface BootMenu {
  /** By their numbers; without those that cannot be read. */
  entries(): Promise<BootEntry[]>
  /** Names of entries(). */
  remove(names: readonly string[]): Promise<void>
  /** Puts an entry first; one of the same description is replaced, and no others of it are left. Answers its name, Boot0007. */
  putFirst(description: string, entry: Buffer): Promise<string>
}

/** Undefined when the machine was not booted by UEFI. `root`: where /sys is found. */
export async function bootMenu(root: string): Promise<BootMenu | undefined> {
  const folder = join(root, 'sys/firmware/efi/efivars')
  if (
    !(await access(folder).then(
      () => true,
      () => false,
    ))
  )
    return undefined
  const pathOf = (name: string) => join(folder, `${name}-${GLOBAL}`)
  const read = async (name: string) => (await readFile(pathOf(name))).subarray(4)
  const write = (name: string, value: Buffer) => writeFile(pathOf(name), Buffer.concat([ATTRIBUTES, value]))

  const numbers = async (): Promise<number[]> =>
    (await readdir(folder)).flatMap((file) => {
      const digits = new RegExp(`^Boot([0-9A-F]{4})-${GLOBAL}$`).exec(file)?.[1]
      return digits === undefined ? [] : [Number.parseInt(digits, 16)]
    })
  /** BootOrder, BootCurrent, BootNext: empty where the firmware has none. */
  const numbersIn = async (name: string): Promise<number[]> => {
    const value = await read(name).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return Buffer.alloc(0)
      throw error
    })
    return Array.from({ length: Math.floor(value.length / 2) }, (_, i) => value.readUInt16LE(2 * i))
  }
  const writeOrder = async (wanted: readonly number[]) => {
    const bytes = Buffer.alloc(2 * wanted.length)
    for (const [i, number] of wanted.entries()) bytes.writeUInt16LE(number, 2 * i)
    await write('BootOrder', bytes)
  }
  /** What cannot be read or has no description is somebody else's. */
  const isCalled = async (number: number, description: string): Promise<boolean> => {
    try {
      return descriptionOf(await read(nameOf(number))) === description
    } catch {
      return false
    }
  }

  return {
    async entries() {
      const inUse = new Set([...(await numbersIn('BootCurrent')), ...(await numbersIn('BootNext'))])
      const found: BootEntry[] = []
      for (const number of (await numbers()).sort((a, b) => a - b)) {
        try {
          const value = await read(nameOf(number))
          const [description, path] = [descriptionOf(value), devicePathText(devicePathOf(value))]
          found.push({ name: nameOf(number), description, path, isInUse: inUse.has(number) })
        } catch (error) {
          // What nobody can read is somebody else's.
          if (!(error instanceof CodecError)) throw error
        }
      }
      return found
    },
    async remove(names) {
      const before = await numbersIn('BootOrder')
      const after = before.filter((number) => !names.includes(nameOf(number)))
      if (after.length < before.length) await writeOrder(after)
      for (const name of names) await unlink(pathOf(name))
    },
    async putFirst(description, entry) {
      const known = (await numbers()).sort((a, b) => a - b)
      const same: number[] = []
      for (const number of known) if (await isCalled(number, description)) same.push(number)
      const [ours = firstFree(known), ...surplus] = same
      await write(nameOf(ours), entry)
      const rest = (await numbersIn('BootOrder')).filter((number) => number !== ours && !surplus.includes(number))
      await writeOrder([ours, ...rest])
      for (const number of surplus) await unlink(pathOf(nameOf(number)))
      return nameOf(ours)
    },
  }
}

function nameOf(number: number): string {
  return `Boot${number.toString(16).toUpperCase().padStart(4, '0')}`
}

function firstFree(taken: readonly number[]): number {
  const used = new Set(taken)
  for (let number = 0; number <= HIGHEST; number++) if (!used.has(number)) return number
  throw new Error('the boot menu is full')
}
