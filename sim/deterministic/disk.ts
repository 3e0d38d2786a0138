// A conductor's disk: what was synced survives a crash, the rest survives in part or not at all; a sync may fail.
import type { Disk } from '../../site-conductor/disk.ts'
import type { Process } from './process.ts'
import type { World } from './world.ts'

export class SimDisk {
  readonly files = new Map<string, Uint8Array>()
  /** The next so many syncs fail, after having written a part. */
  failing = 0
  readonly #world: World
  readonly #random
  readonly #unsynced = new Set<{ name: string; bytes: Uint8Array }>()

  constructor(world: World, name: string) {
    this.#world = world
    this.#random = world.random.stream(`disk ${name}`)
  }

  /** The process that wrote here is gone: of what was being synced a part may have reached the disk. */
  crash(): void {
    for (const { name, bytes } of this.#unsynced)
      if (this.#random.chance(0.5)) this.#put(name, bytes.subarray(0, this.#random.int(0, bytes.length)))
    this.#unsynced.clear()
  }

  /** The disk as `process` sees it. */
  mount(process: Process): Disk {
    const sync = () => process.wait(this.#random.between(0.2, 4))
    return {
      read: async (name) => this.files.get(name),
      append: async (name, bytes) => {
        const pending = { name, bytes: Uint8Array.from(bytes) }
        this.#unsynced.add(pending)
        await sync()
        this.#unsynced.delete(pending)
        if (this.failing > 0) {
          this.failing--
          this.#put(name, bytes.subarray(0, this.#random.int(0, bytes.length)))
          this.#world.say(process.name, 'disk: sync failed')
          throw new Error('EIO: i/o error, fsync')
        }
        this.#put(name, bytes)
      },
      truncate: async (name, length) => {
        await sync()
        this.files.set(name, (this.files.get(name) ?? new Uint8Array(0)).slice(0, length))
      },
      replace: async (name, bytes) => {
        const copy = Uint8Array.from(bytes)
        await sync()
        this.files.set(name, copy)
      },
      remove: async (name) => {
        await sync()
        this.files.delete(name)
      },
    }
  }

  #put(name: string, bytes: Uint8Array): void {
    this.files.set(name, Buffer.concat([this.files.get(name) ?? new Uint8Array(0), bytes]))
  }
}
