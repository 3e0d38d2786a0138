// Software RAID of a simulated machine: the kernel's part of it. An array is a disk of its own, which survives restarts as its members do.
import { join } from 'node:path'
import type { BlockDevice } from '../agent/disk/block-devices.ts'
import type { MdArray, NewArray, SoftwareRaid } from '../agent/disk/md-arrays.ts'
import { makeDisk } from './disk.ts'

export class SimRaid implements SoftwareRaid {
  readonly #folder: string
  readonly #bytes: number
  readonly #arrays = new Map<MdArray, BlockDevice>()

  /** `bytes`: of every array. */
  constructor(folder: string, bytes: number) {
    this.#folder = folder
    this.#bytes = bytes
  }

  get disks(): BlockDevice[] {
    return [...this.#arrays.values()]
  }

  /** What the firmware starts, where it finds a loader on a member. */
  get root(): BlockDevice | undefined {
    return [...this.#arrays].find(([{ isRoot }]) => isRoot)?.[1]
  }

  async list(): Promise<MdArray[]> {
    return [...this.#arrays.keys()]
  }

  async create({ name: called, isRoot, members }: NewArray): Promise<string> {
    const name = `md${this.#arrays.size}`
    const device = await makeDisk(join(this.#folder, name), this.#bytes, name, name)
    const uuid = crypto
      .randomUUID()
      .replaceAll('-', '')
      .replaceAll(/(.{8})(?=.)/g, '$1:')
    this.#arrays.set({ uuid, name: called, isRoot, members, spans: {}, path: device.path }, device)
    return uuid
  }

  async stop(array: MdArray): Promise<void> {
    this.#arrays.delete(array)
  }

  async delete(array: MdArray): Promise<void> {
    this.#arrays.delete(array)
  }
}
