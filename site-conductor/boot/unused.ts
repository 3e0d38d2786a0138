// What boots are made from is kept while it is booted from, and for some days after: whoever uses a file sets its time.
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

const KEPT_DAYS = 7

/** Removes what nobody has used for days, and what a killed process has left half made. */
export async function removeUnused(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    // Another one may have been faster.
    const found = await stat(path).catch(() => undefined)
    const isOld = found !== undefined && Date.now() - found.mtimeMs > KEPT_DAYS * 86_400_000
    if (isOld) await rm(path, { recursive: true, force: true })
  }
}
