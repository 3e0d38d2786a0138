// A reporter for vitest: how long each test file took with its hooks (which vitest's own JSON leaves out), and how many machines were booted meanwhile.
// One JSON line for each file. Only files that run one after the other are given a count.
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import type { Reporter, TestModule } from 'vitest/node'

export interface FileTime {
  readonly name: string
  readonly seconds: number
  readonly boots: number
}

export const FILE_TIMES = '.cache/reports/file-times.jsonl'
export const BOOTS = '.cache/reports/boots'

export default class FileTimes implements Reporter {
  readonly #boots = new Map<string, number>()

  onTestModuleStart({ moduleId }: TestModule): void {
    this.#boots.set(moduleId, countBoots())
  }

  onTestModuleEnd(module: TestModule): void {
    const { moduleId } = module
    const { duration, setupDuration, collectDuration } = module.diagnostic()
    const name = relative(process.cwd(), moduleId)
    const isAlone = /\.(lab|long)\.test\.ts$/.test(name)
    const time: FileTime = {
      name,
      seconds: (duration + setupDuration + collectDuration) / 1000,
      boots: isAlone ? countBoots() - (this.#boots.get(moduleId) ?? 0) : 0,
    }
    appendFileSync(FILE_TIMES, `${JSON.stringify(time)}\n`)
  }
}

/** Of the whole run so far. */
export function countBoots(): number {
  return existsSync(BOOTS) ? readFileSync(BOOTS, 'utf8').split('\n').length - 1 : 0
}

/** What the reporter wrote, by file name. */
export function readFileTimes(): Map<string, FileTime> {
  if (!existsSync(FILE_TIMES)) return new Map()
  const lines = readFileSync(FILE_TIMES, 'utf8').split('\n').filter(Boolean)
  return new Map(lines.map((line) => JSON.parse(line) as FileTime).map((time) => [time.name, time]))
}
