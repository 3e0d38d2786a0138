// One process per data folder: two that append to one journal would destroy it. Node has no flock(2), so the lock is a listening
// abstract unix socket named after the folder's device and inode: taken atomically, and released by the kernel however the process
// ends, SIGKILL included, so that there is never a stale lock to judge. It excludes within one network namespace: do not run two
// containers on one data folder.
import { realpath, stat } from 'node:fs/promises'
import { createServer } from 'node:net'

export interface Lock {
  release(): Promise<void>
}

export async function lockFolder(path: string): Promise<Lock> {
  const { dev, ino } = await stat(await realpath(path))
  const server = createServer((socket) => socket.destroy())
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') return reject(error)
      reject(new Error(`${path} is in use by another conductor process on this host: stop it first`))
    })
    server.listen({ path: `\0ferrule-conductor-${dev}-${ino}` }, resolve)
  })
  server.unref()
  return { release: () => new Promise((resolve) => server.close(() => resolve())) }
}
