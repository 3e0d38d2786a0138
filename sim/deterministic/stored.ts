// What the database says of a task at the moment at which a frame goes out. It answers at once: nothing can have happened since.
import type { Sql } from '../../cloud/ports.ts'
import { identityOf } from './copies.ts'
import type { Invariant } from './invariants.ts'
import type { Permit } from './permits.ts'

const STORED =
  'SELECT t.state, t.intent, n.conductor, n.bmc_session, max(n.moved, c.session) FROM tasks t JOIN nodes n ON n.uuid = t.node LEFT JOIN conductors c ON c.id = n.conductor WHERE t.id = ?'

export class Stored {
  readonly #data: Sql

  constructor(data: Sql) {
    this.#data = data
  }

  async isOpen(task: string): Promise<boolean> {
    return (await this.#row(task))?.[0] === 'open'
  }

  /** Is the task open, and `conductor` the owner of its node, under this epoch? */
  async isSpokenForBy(task: string, conductor: string, epoch: number): Promise<boolean> {
    const [state, , owner, , present] = (await this.#row(task)) ?? []
    return state === 'open' && owner === identityOf(conductor) && present === epoch
  }

  /**
   * A permit goes out: its intent is stored by now, for the one who owns the node, with what shuts this one out later. Answers what is wrong.
   * `isPresent`: the socket is that of the present session, once all frames of the turn are out.
   */
  async permits(conductor: string, task: string, permit: Permit | undefined, isPresent: () => boolean) {
    const wrong: [Invariant, string][] = []
    const row = await this.#row(task)
    if (row === undefined || row[0] !== 'open') return wrong
    const [, text, owner, bmcSession, epoch] = row
    // A question and the hello of a next session, of a copy too, may have been heard in one turn, in this order.
    if (isPresent() && permit !== undefined && permit.epoch !== epoch)
      wrong.push(['heard', `${conductor} asked under epoch ${permit.epoch}, its node has ${String(epoch)}`])
    const stored = JSON.parse(String(text)) as { step?: number; bmcSession?: string | null } | null
    if (stored?.step !== permit?.step)
      wrong.push(['intent', `${conductor} may begin a step whose intent is not stored`])
    if (owner !== identityOf(conductor))
      wrong.push(['owner', `${conductor} may begin a step at a node of ${String(owner)}`])
    if (stored?.bmcSession && stored.bmcSession !== bmcSession) {
      const heard = `its successor would hear of ${String(bmcSession)}`
      wrong.push(['intent', `${conductor} acts in BMC session ${stored.bmcSession}, ${heard}`])
    }
    return wrong
  }

  async #row(task: string) {
    const [row] = await this.#data.all(STORED, [task])
    return row
  }
}
