// The tasks that the hub has delivered: their nodes and steps, by which moves their nodes went to whoever has them, and who has done what.
import type { Step, ToConductor } from '../../shared/protocol.ts'
import { identityOf } from './copies.ts'

interface Plan {
  readonly node: string
  readonly steps: readonly Step[]
  /** Numbers of the moves by which a conductor had the node when it was told of the task. */
  readonly moves: Set<number>
}

export class Plans {
  readonly #plans = new Map<string, Plan>()
  /** Conductor, task and step → the highest epoch under which it was done. */
  readonly #done = new Map<string, number>()

  delivered({ id, node, steps, since = 0 }: Extract<ToConductor, { type: 'task' }>): void {
    this.#plans.set(id, { node, steps, moves: (this.#plans.get(id)?.moves ?? new Set()).add(since) })
  }

  nodeOf(task: string): string {
    return this.#plans.get(task)?.node ?? ''
  }

  stepsOf(task: string): readonly Step[] {
    return this.#plans.get(task)?.steps ?? []
  }

  /** As `interface.step`. */
  nameOf(task: string, step: number): string | undefined {
    const found = this.#plans.get(task)?.steps[step]
    return found && `${found.interface}.${found.step}`
  }

  /** The move by which whoever acts under `epoch` has the node. */
  moveOf(task: string, epoch: number): number {
    return Math.max(...[...(this.#plans.get(task)?.moves ?? [])].filter((move) => move <= epoch), 0)
  }

  done(conductor: string, task: string, step: string, epoch: number): void {
    const key = `${identityOf(conductor)} ${task} ${step}`
    this.#done.set(key, Math.max(this.#done.get(key) ?? 0, epoch))
  }

  /** Has the conductor done this step since it has had the node that it has under `epoch`? */
  hasDone(conductor: string, task: string, step: number, epoch: number): boolean {
    const at = this.#done.get(`${identityOf(conductor)} ${task} ${this.nameOf(task, step)}`)
    return at !== undefined && at >= this.moveOf(task, epoch)
  }
}
