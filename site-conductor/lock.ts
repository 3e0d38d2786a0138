// One process per data folder: two that append to one journal would destroy it. Node has no flock(2), so the lock is a listening
// abstract unix socket named after the folder's device and inode: taken atomically, and released by the kernel however the process
// ends, SIGKILL included, so that there is never a stale lock to judge. It excludes within one network namespace: do not run two
// containers on one data folder.
import { createHash } from 'node:crypto'
import { readFile, readlink, realpath, stat } from 'node:fs/promises'
import { createServer } from 'node:net'

export interface Lock {
  /** Two processes whose locks have the same name are not alive together, wherever they run: so the hub can believe a restart (ADR 13). */
  readonly name: string
  release(): Promise<void>
}

export async function lockFolder(path: string): Promise<Lock> {
  const { dev, ino } = await stat(await realpath(path))
  const address = `ferrule-conductor-${dev}-${ino}`
  const name = await nameOf(address)
  const server = createServer((socket) => socket.destroy())
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') return reject(error)
      reject(new Error(`${path} is in use by another conductor process on this host: stop it first`))
    })
    server.listen({ path: `\0${address}` }, resolve)
  })
  server.unref()
  return { name, release: () => new Promise((resolve) => server.close(() => resolve())) }
}

/** The address excludes nobody in another network namespace or under another kernel, such as the host of a copied disk. */
async function nameOf(address: string): Promise<string> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8')
  const namespace = await readlink('/proc/self/ns/net')
  return createHash('sha256').update(`${boot} ${namespace} ${address}`).digest('base64url')
}
