// Are the mutants honest? In a copy of the repository each must pass the types; which of them the unit tests beside the mutated file catch
// already is said.
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { mutated, ROOT, type Mutant } from './mutant.ts'

/** True when all pass the types. */
export function verify(mutants: readonly Mutant[], say: (line: string) => void): boolean {
  const copy = mkdtempSync(join(tmpdir(), 'ferrule-mutants-'))
  try {
    const files = execFileSync('git', ['ls-files', '-z', '-co', '--exclude-standard'], {
      cwd: ROOT,
      encoding: 'utf8',
    }).split('\0')
    for (const file of files.filter(Boolean)) {
      mkdirSync(dirname(join(copy, file)), { recursive: true })
      cpSync(join(ROOT, file), join(copy, file))
    }
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
    const run = (program: string, ...args: string[]) =>
      spawnSync(join(ROOT, 'node_modules/.bin', program), args, { cwd: copy, encoding: 'utf8' })
    let ok = true
    let seen = 0
    for (const mutant of mutants) {
      writeFileSync(join(copy, mutant.file), mutated(mutant))
      const types = run('tsc', '-b', '--pretty', 'false')
      const tests = run('vitest', 'run', '--project', 'unit', '--dir', dirname(mutant.file), '--exclude', 'sim/**')
      const failed = [...tests.stdout.matchAll(/(?:×|FAIL).*?([\w./-]+\.test\.ts)/g)].map(([, file]) => file!)
      if (types.status !== 0) ok = false
      if (tests.status !== 0) seen++
      const caught = tests.status === 0 ? 'pass' : `catch it (${[...new Set(failed)].join(', ') || 'do not run'})`
      say(
        `${mutant.id.padEnd(24)} types ${types.status === 0 ? 'pass' : `FAIL: ${types.stdout.trim().split('\n')[0]}`}; unit tests ${caught}`,
      )
      cpSync(join(ROOT, mutant.file), join(copy, mutant.file))
    }
    say(`${mutants.length} mutants, ${ok ? 'all pass' : 'NOT all pass'} the types; the unit tests catch ${seen}`)
    return ok
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}
