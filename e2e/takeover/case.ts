// One machine in one action of which a conductor is cut off, and what must have come of it.
import { expect } from 'vitest'
import { BOOT_RAMDISK } from '../../cloud/plans.ts'
import { judgeActs, judgePower } from '../../sim/kills/judge.ts'
import type { Story } from '../story.ts'
import type { Action } from './actions.ts'
import type { Subject } from './subject.ts'
import type { Wire } from './wire.ts'

const nameOf = (step: { interface: string; step: string }) => `${step.interface}.${step.step}`
/** What is done again when the machine has to boot again, for its agent would call a conductor that is gone. */
const BOOT = BOOT_RAMDISK.map(nameOf).filter((name) => name !== 'deploy.wait_agent')

export class Case {
  readonly action: Action
  readonly each: Subject
  readonly cutAt: number
  frames: readonly string[] = []
  /** Of its machine, since it began. */
  seen: ReturnType<Subject['watch']> | undefined

  constructor(action: Action, each: Subject, cutAt = Infinity) {
    this.action = action
    this.each = each
    this.cutAt = cutAt
  }

  get what(): string {
    const where = this.cutAt === Infinity ? 'uncut' : `cut before frame ${this.cutAt}, ${this.frames[this.cutAt]}`
    return `${this.action.name} of ${this.each.name}, ${where}`
  }

  async begin(story: Story, wire: Wire): Promise<void> {
    const { action, each } = this
    this.frames = wire.follow(each.node, action.kind, this.cutAt)
    this.seen = each.watch()
    await action.request.ask(story, each)
  }
}

/** As it must be after any such action. Answers how often the machine was booted again. */
export async function judge({ api }: Story, { action, each, seen, what }: Case): Promise<number> {
  const timeline = await api.timeline(each.node)
  const { task } = timeline.findLast(({ type, body }) => type === 'task.started' && body['kind'] === action.kind)!
  const ofTask = timeline.filter((entry) => entry.task === task)
  const again = ofTask.filter(({ type }) => type === 'boot.again').length
  const done = ofTask.filter(({ type }) => type === 'step.finished').map(({ step }) => step!)
  const planned = action.steps.map(nameOf)
  for (const name of new Set(planned)) {
    const wanted = planned.filter((other) => other === name).length
    const count = done.filter((other) => other === name).length
    expect(count, `${what}: ${name} finished`).toBeGreaterThanOrEqual(wanted)
    expect(count, `${what}: ${name} finished`).toBeLessThanOrEqual(BOOT.includes(name) ? wanted + again : wanted)
  }
  const [acts, power] = [seen!.acts(), seen!.power()]
  judgePower(what, action.changes, power, again)
  judgeActs(what, acts, action.told)
  const told = acts.filter((act) => act.power !== undefined)
  expect(told.length, `${what}: told ${JSON.stringify(told)}`).toBeLessThanOrEqual(power.length)
  await action.look?.(each, what)
  return again
}
