// The database as a hub reaches it: over a network that takes time, loses questions and loses answers. The data are a real libSQL file in
// memory, and what a batch has committed is never lost. 1. A question that is under way when its hub dies may still be carried out.
import type { Row, Sql, SqlValue, Statement } from '../../cloud/ports.ts'
import type { Process } from './process.ts'
import type { World } from './world.ts'

export interface DatabaseFaults {
  /** One way, in ms, at most. */
  latencyMs: number
  /** Probability per batch: not carried out, or carried out and the answer lost. */
  failure: number
  /** The same for a read. */
  readFailure: number
}

export class SimDatabase implements Sql {
  readonly #data: Sql
  readonly #host: Process
  readonly #world: World
  readonly #faults: DatabaseFaults
  readonly #random

  constructor(data: Sql, host: Process, world: World, faults: DatabaseFaults) {
    this.#data = data
    this.#host = host
    this.#world = world
    this.#faults = faults
    this.#random = world.random.stream(`database ${host.name}`)
  }

  all(sql: string, args: readonly SqlValue[] = []): Promise<Row[]> {
    return this.#ask(() => this.#data.all(sql, args), this.#faults.readFailure)
  }

  batch(statements: readonly Statement[]): Promise<Row[][]> {
    return this.#ask(() => this.#data.batch(statements), this.#faults.failure)
  }

  async #ask<T>(what: () => Promise<T>, failure: number): Promise<T> {
    const { latencyMs } = this.#faults
    await this.#world.clock.wait(this.#random.between(0, latencyMs))
    const fate = this.#random.chance(failure) ? this.#random.pick(['lost', 'unanswered'] as const) : 'fine'
    const dies = !this.#host.alive && this.#random.chance(0.5)
    const answer = fate === 'lost' || dies ? undefined : what()
    answer?.catch(() => undefined)
    await this.#host.wait(this.#random.between(0, latencyMs))
    if (fate === 'fine' && answer !== undefined) return await answer
    this.#world.say(this.#host.name, `database: ${fate}`)
    throw new Error(`the connection to the database was lost (${fate})`)
  }
}
