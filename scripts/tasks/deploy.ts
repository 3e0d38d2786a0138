// `npm run deploy`: the cloud to Workers. `-- --dry-run` builds it into .cache/worker, checks its size, and sends nothing.
// Databases are migrated first: DIRECTORY_URL and ORGANISATION_URL (with {organisation}), DIRECTORY_TOKEN and ORGANISATION_TOKEN.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { readMigrations } from '../../cloud/hosts/node/migrations.ts'
import { HttpStore } from '../../cloud/store/http.ts'
import { prepare } from '../../cloud/store/first-start.ts'
import { systemEnv } from '../../shared/env.ts'

/** Cold starts stay unnoticed below this (goals P1). */
const MAX_GZIP_BYTES = 1024 * 1024
const OUT = '.cache/worker'

const dryRun = process.argv.includes('--dry-run')
const more = process.argv.slice(2).filter((argument) => argument !== '--dry-run')

wrangler('deploy', '--dry-run', '--outdir', OUT)
const bundle = readdirSync(OUT).filter((file) => file.endsWith('.js'))
const bytes = bundle.reduce((sum, file) => sum + gzipSync(readFileSync(join(OUT, file)), { level: 9 }).length, 0)
console.log(`bundle: ${(bytes / 1024).toFixed(1)} KiB gzip (limit ${MAX_GZIP_BYTES / 1024} KiB)`)
if (bytes > MAX_GZIP_BYTES) {
  console.error('the bundle is too large: see what cloud/hosts/workers/worker.ts imports')
  process.exit(1)
}
if (!dryRun) {
  const token = await migrateDatabases()
  wrangler('deploy', ...more)
  if (token) console.log(`The first token of the new organisation, shown once: ${token}`)
}

async function migrateDatabases(): Promise<string | undefined> {
  const { DIRECTORY_URL, DIRECTORY_TOKEN, ORGANISATION_URL, ORGANISATION_TOKEN } = process.env
  if (!DIRECTORY_URL || !ORGANISATION_URL) {
    console.error(
      'DIRECTORY_URL and ORGANISATION_URL must name the databases (and DIRECTORY_TOKEN, ORGANISATION_TOKEN open them)',
    )
    process.exit(1)
  }
  const store = new HttpStore(
    { url: DIRECTORY_URL, token: DIRECTORY_TOKEN },
    { url: ORGANISATION_URL, token: ORGANISATION_TOKEN },
  )
  return prepare(store, systemEnv, (set) => readMigrations(set))
}

function wrangler(...args: string[]): void {
  const { status } = spawnSync('wrangler', args, { stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}
