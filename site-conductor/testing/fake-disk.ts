// A disk in memory that can lose what was not synced, tear a write, or refuse.
import type { Disk } from '../disk.ts'

export class FakeDisk implements Disk {
  readonly files = new Map<string, Uint8Array>()
  /** How many appends (each is one fsync) there were. */
  appends = 0
  /** The next append writes only this many bytes and fails. */
  tearAfter: number | undefined
  /** Held appends wait for `release`. */
  hold: Promise<void> | undefined

  async read(name: string): Promise<Uint8Array | undefined> {
    return this.files.get(name)
  }
  async append(name: string, bytes: Uint8Array): Promise<void> {
    this.appends++
    await this.hold
    const torn = this.tearAfter
    this.tearAfter = undefined
    this.files.set(name, Buffer.concat([this.files.get(name) ?? new Uint8Array(0), bytes.subarray(0, torn)]))
    if (torn !== undefined) throw new Error('EIO')
  }
  async truncate(name: string, length: number): Promise<void> {
    this.files.set(name, this.files.get(name)!.slice(0, length))
  }
  async replace(name: string, bytes: Uint8Array): Promise<void> {
    this.files.set(name, Uint8Array.from(bytes))
  }
  async remove(name: string): Promise<void> {
    this.files.delete(name)
  }
}
