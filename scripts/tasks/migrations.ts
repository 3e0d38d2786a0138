// `npm run migrations`: writes the SQL that brings databases to the schema, with drizzle-kit. `-- --name TEXT` names the new files.
// `-- --check`: writes nothing, and fails when the schema and migrations/ differ.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const SETS = ['directory', 'organisation'] as const
const check = process.argv.includes('--check')
const named = process.argv.indexOf('--name')
const name = named === -1 ? 'change' : (process.argv[named + 1] ?? 'change')

/** Makes what is missing in `out`; answers the new files. */
function generate(set: (typeof SETS)[number], out: string): string[] {
  const before = new Set(readdirSync(out))
  const args = [
    'generate',
    '--dialect',
    'turso',
    '--schema',
    `./cloud/schema/${set}*.ts`,
    '--out',
    `./${out}`,
    '--name',
    name,
  ]
  const result = spawnSync('drizzle-kit', args, { encoding: 'utf8' })
  if (result.status !== 0) throw new Error(`drizzle-kit failed for ${set}:\n${result.stdout}${result.stderr}`)
  return readdirSync(out).filter((file) => !before.has(file))
}

let differ = false
const scratch = check ? mkdtempSync('.cache/migrations-') : undefined
try {
  for (const set of SETS) {
    const out = scratch ? join(scratch, set) : join('migrations', set)
    if (scratch) cpSync(join('migrations', set), out, { recursive: true })
    const made = generate(set, out)
    differ ||= made.length > 0
    if (made.length === 0) console.log(`migrations/${set} is up to date`)
    else
      console.log(
        check
          ? `migrations/${set} lacks a migration: npm run migrations -- --name WHAT`
          : `new in migrations/${set}: ${made.join(', ')}`,
      )
  }
} finally {
  if (scratch) rmSync(scratch, { recursive: true, force: true })
}
process.exit(check && differ ? 1 : 0)
