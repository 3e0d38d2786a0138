// Paths inside the file system of an instance, as the instance would see them: its symbolic links lead nowhere else, wherever they point.
import { lstat, readlink } from 'node:fs/promises'
import { join } from 'node:path'

/** As in Linux (path_resolution(7)). */
const MAX_LINKS = 40

/**
 * Where `path` is below `root`, links followed as if `root` were `/`; what is not there yet counts as folders to be. Nobody else may change the tree
 * meanwhile. `last: 'itself'` leaves a link at the end as it is.
 */
export async function resolveInside(
  root: string,
  path: string,
  last: 'followed' | 'itself' = 'followed',
): Promise<string> {
  const ahead = partsOf(path)
  let place: string[] = []
  for (let links = 0; ahead.length > 0;) {
    const part = ahead.shift()!
    if (part === '..') {
      place.pop()
      continue
    }
    const here = join(root, ...place, part)
    const target = ahead.length === 0 && last === 'itself' ? undefined : await linkTarget(here)
    if (target === undefined) {
      place.push(part)
      continue
    }
    links += 1
    if (links > MAX_LINKS) throw new Error(`${path}: too many symbolic links`)
    if (target.startsWith('/')) place = []
    ahead.unshift(...partsOf(target))
  }
  return join(root, ...place)
}

const partsOf = (path: string) => path.split('/').filter((part) => part !== '' && part !== '.')

/** Undefined for what is no link, or not there. */
async function linkTarget(path: string): Promise<string | undefined> {
  const facts = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  return facts?.isSymbolicLink() === true ? await readlink(path) : undefined
}
