// The few file operations that the journal and the identity need, as an interface, so that the simulator can tear writes and fail fsync.
import { constants } from 'node:fs'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'

export interface Disk {
  /** Bytes of a file; undefined when there is none. */
  read(name: string): Promise<Uint8Array | undefined>
  /** Appends and makes durable: after it resolves the bytes survive a loss of power. */
  append(name: string, bytes: Uint8Array): Promise<void>
  truncate(name: string, length: number): Promise<void>
  /** Writes a whole file atomically: readers and crashes see the old bytes or the new ones. */
  replace(name: string, bytes: Uint8Array): Promise<void>
  remove(name: string): Promise<void>
}

/** A disk that can be taken back from whoever holds it. */
export interface LentDisk extends Disk {
  /** Waits for what is under way; what comes later is refused, so that nothing is written once the lock of the folder is left. */
  close(): Promise<void>
}

export function lend(disk: Disk): LentDisk {
  let isClosed = false
  const underWay = new Set<Promise<unknown>>()
  async function run<T>(operation: () => Promise<T>): Promise<T> {
    if (isClosed) throw new Error('the conductor has left its data folder')
    const promise = operation()
    underWay.add(promise)
    try {
      return await promise
    } finally {
      underWay.delete(promise)
    }
  }
  return {
    read: (name) => run(() => disk.read(name)),
    append: (name, bytes) => run(() => disk.append(name, bytes)),
    truncate: (name, length) => run(() => disk.truncate(name, length)),
    replace: (name, bytes) => run(() => disk.replace(name, bytes)),
    remove: (name) => run(() => disk.remove(name)),
    async close() {
      isClosed = true
      await Promise.allSettled(underWay)
    },
  }
}

/** A folder on a real disk: files 0600 in a folder 0700. */
export async function folder(path: string): Promise<Disk> {
  await mkdir(path, { recursive: true, mode: 0o700 })
  const syncFolder = async () => {
    const handle = await open(path, constants.O_RDONLY)
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  }
  const write = async (
    name: string,
    flags: string,
    run: (handle: Awaited<ReturnType<typeof open>>) => Promise<void>,
  ) => {
    const handle = await open(join(path, name), flags, 0o600)
    try {
      await run(handle)
      await handle.sync()
    } finally {
      await handle.close()
    }
  }
  return {
    async read(name) {
      try {
        return await readFile(join(path, name))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw error
      }
    },
    append: (name, bytes) => write(name, 'a', (handle) => handle.appendFile(bytes)),
    truncate: (name, length) => write(name, 'r+', (handle) => handle.truncate(length)),
    async replace(name, bytes) {
      const temporary = `${name}.new`
      await rm(join(path, temporary), { force: true })
      await write(temporary, 'wx', (handle) => handle.writeFile(bytes))
      await rename(join(path, temporary), join(path, name))
      await syncFolder()
    },
    async remove(name) {
      await rm(join(path, name), { force: true })
      await syncFolder()
    },
  }
}
