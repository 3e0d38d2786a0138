// Rows of nodes that a hub remembers from turn to turn: of those that a task works on, which each of its steps asks for again. They are exact, since
// the hub alone writes them and forgets everything when it does not know what became of a commit.
import { nodes } from '../schema/organisation.ts'
import { select, type NodeRow } from '../schema/rows.ts'
import type { Sql } from '../ports.ts'

/** Together some ten megabytes, at most. */
const MAX_ROWS = 1000
/** Of the JSON of a row, in characters: users may put a MiB into `extra`. */
const MAX_LENGTH = 8192
/** Columns that may be long. */
const JSON_COLUMNS = ['extra', 'properties', 'driver_info', 'instance_info', 'network_data', 'driver_internal_info', 'raid_config', 'target_raid_config'] as const // prettier-ignore

export class KeptRows {
  readonly #rows = new Map<string, NodeRow>()

  get(uuid: string): NodeRow | undefined {
    return this.#rows.get(uuid)
  }

  /** What a turn has come to, stored by now. The others of its rows are forgotten. */
  keep(rows: ReadonlyMap<string, NodeRow | null>, isKept: (uuid: string) => boolean): void {
    for (const [uuid, row] of rows) {
      const before = this.#rows.get(uuid)
      const hasRoom = before !== undefined || this.#rows.size < MAX_ROWS
      if (row !== null && hasRoom && isKept(uuid) && (row === before || isShort(row, before))) this.#rows.set(uuid, row)
      else this.#rows.delete(uuid)
    }
  }

  clear(): void {
    this.#rows.clear()
  }

  /** For tests: where they differ from what is stored, in words. To be asked between turns; it reads in the moment in which it is called. */
  async stale(sql: Sql): Promise<string[]> {
    const kept = [...this.#rows] // no row is ever changed, only replaced
    if (kept.length === 0) return []
    const uuids = JSON.stringify(kept.map(([uuid]) => uuid))
    const stored = await select(sql, nodes, 'uuid IN (SELECT value FROM json_each(?))', [uuids])
    const byUuid = new Map(stored.map((row) => [row.uuid, row as Readonly<Record<string, unknown>>]))
    return kept.flatMap(([uuid, row]) =>
      Object.entries(row).flatMap(([column, value]) => {
        const [a, b] = [JSON.stringify(value), JSON.stringify(byUuid.get(uuid)?.[column])]
        return a === b ? [] : [`${column} of node ${uuid} is remembered as ${a} and stored as ${b}`]
      }),
    )
  }
}

/** Most changes leave all of these columns as they were. */
function isShort(row: NodeRow, before: NodeRow | undefined): boolean {
  if (before && JSON_COLUMNS.every((column) => row[column] === before[column])) return true
  return JSON.stringify(JSON_COLUMNS.map((column) => row[column])).length <= MAX_LENGTH
}
