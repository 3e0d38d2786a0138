// What the lab builds once: `.cache/lab/<name>-<hash of its inputs>` in the repository, or below $FERRULE_CACHE.
// An entry appears by rename, whole or not at all; two builders at once do the work twice and do no harm.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder for everything that can be built or fetched again. */
export const cacheDirectory = process.env['FERRULE_CACHE'] ?? fileURLToPath(new URL('../.cache', import.meta.url))

/** First 16 hex digits of the SHA-256 over the parts, each preceded by its length. */
export function contentHash(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) {
    const bytes = typeof part === 'string' ? Buffer.from(part) : part
    hash.update(`${bytes.length}:`).update(bytes)
  }
  return hash.digest('hex').slice(0, 16)
}

/** The entry `name`; when missing, `build` fills an empty directory that then becomes it. */
export async function cached(
  name: string,
  build: (directory: string) => Promise<void>,
  root = join(cacheDirectory, 'lab'),
): Promise<string> {
  const entry = join(root, name)
  if (existsSync(entry)) return entry
  const draft = join(root, `.${name}.${process.pid}.${Math.random().toString(36).slice(2)}`)
  mkdirSync(draft, { recursive: true })
  try {
    await build(draft)
    renameSync(draft, entry)
  } catch (error) {
    if (!existsSync(entry)) throw error
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
  return entry
}
