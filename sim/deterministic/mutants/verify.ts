// Are the mutants honest? In a copy of the repository each must pass the types; which of them the unit tests beside the mutated file catch
// already is said.
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { mutated, ROOT, type Mutant } from './mutant.ts'

type Say = (line: string) => void

/** True when all pass the types. */
export function verify(mutants: readonly Mutant[], say: Say): boolean {
  const copy = mkdtempSync(join(tmpdir(), 'ferrule-mutants-'))
  try {
    const list = ['ls-files', '-z', '-co', '--exclude-standard']
    for (const file of execFileSync('git', list, { cwd: ROOT, encoding: 'utf8' }).split('\0').filter(Boolean)) {
      mkdirSync(dirname(join(copy, file)), { recursive: true })
      cpSync(join(ROOT, file), join(copy, file))
    }
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
    const ok = types(copy, mutants, say)
    units(copy, mutants, say)
    return ok
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

/** Mutants of different files are looked at together: the compiler names the file that is wrong. */
function types(copy: string, mutants: readonly Mutant[], say: Say): boolean {
  const rounds: Map<string, Mutant>[] = []
  for (const mutant of mutants) {
    const round = rounds.find((each) => !each.has(mutant.file))
    if (round) round.set(mutant.file, mutant)
    else rounds.push(new Map([[mutant.file, mutant]]))
  }
  let wrong = 0
  for (const round of rounds) {
    for (const mutant of round.values()) writeFileSync(join(copy, mutant.file), mutated(mutant))
    const { status, stdout } = run(copy, 'tsc', '-b', '--pretty', 'false')
    if (status !== 0) {
      wrong++
      for (const line of stdout.split('\n').filter((text) => text.includes('error TS')))
        say(
          `types FAIL (${round.get(line.split('(')[0]!)?.id ?? [...round.values()].map(({ id }) => id).join(' or ')}): ${line}`,
        )
    }
    for (const file of round.keys()) cpSync(join(ROOT, file), join(copy, file))
  }
  say(wrong === 0 ? `all ${mutants.length} mutants pass the types` : 'not all mutants pass the types')
  return wrong === 0
}

function units(copy: string, mutants: readonly Mutant[], say: Say): void {
  let seen = 0
  for (const mutant of mutants) {
    writeFileSync(join(copy, mutant.file), mutated(mutant))
    const { status, stderr } = run(copy, 'vitest', 'run', '--project', 'unit', '--bail', '1', dirname(mutant.file))
    const [, file] = /FAIL.*?([\w./-]+\.test\.ts)/.exec(stderr) ?? []
    if (status !== 0) seen++
    say(`${mutant.id.padEnd(24)} unit tests ${status === 0 ? 'pass' : `catch it: ${file ?? 'they do not run'}`}`)
    cpSync(join(ROOT, mutant.file), join(copy, mutant.file))
  }
  say(`the unit tests catch ${seen} of ${mutants.length}`)
}

function run(
  copy: string,
  program: string,
  ...args: string[]
): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(join(ROOT, 'node_modules/.bin', program), args, { cwd: copy, encoding: 'utf8' })
}
