// `npm run deploy -- [--dry-run]`: builds the Worker with wrangler and, without --dry-run, deploys it. Prints the bundle's size.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

const MIB = 2 ** 20
const LIMIT_BYTES = MIB

console.log(`Node ${process.version}`)
const out = mkdtempSync(join(tmpdir(), 'ferrule-worker-'))
try {
  const built = spawnSync('wrangler', ['deploy', '--dry-run', '--outdir', out], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (built.status !== 0) process.exit(built.status ?? 1)
  const files = readdirSync(out).filter((file) => /\.(m?js|wasm)$/.test(file))
  const bytes = files.reduce((sum, file) => sum + gzipSync(readFileSync(join(out, file))).length, 0)
  console.log(
    `Worker bundle: ${(bytes / 1024).toFixed(1)} KiB gzip in ${files.length} file${files.length === 1 ? '' : 's'} (limit ${LIMIT_BYTES / MIB} MiB)`,
  )
  if (bytes > LIMIT_BYTES) process.exit(1)
} finally {
  rmSync(out, { recursive: true, force: true })
}
if (process.argv.includes('--dry-run')) process.exit(0)
process.exit(spawnSync('wrangler', ['deploy', ...process.argv.slice(2)], { stdio: 'inherit' }).status ?? 1)
