// Faults that are several events in a row, each at a moment that makes the next one matter.
import type { ConductorHost } from './conductor-host.ts'
import type { FaultKind } from './mix.ts'
import type { Random } from './random.ts'
import type { Stage } from './storm.ts'

interface Scene {
  readonly stage: Stage
  readonly random: Random
  /** Two different conductors. */
  readonly one: ConductorHost
  readonly other: ConductorHost
  /** An open task has less time than it was given. */
  hurry(random: Random, withinMs: readonly [number, number]): Promise<void>
}

type History = (scene: Scene) => void

const HISTORIES: Partial<Record<FaultKind, History>> = {
  /** One is away until the other has its nodes; that one stops, and the first is back to get them again. */
  'site.relay'({ stage: { world, mix }, random, one, other }) {
    const tenureMs = mix.tenureMs ?? 0
    const takenMs = (tenureMs > 0 ? tenureMs + 15_000 : 0) + random.between(16_000, 20_000)
    const awayMs = takenMs + random.between(2_000, 12_000)
    if (random.chance(0.5)) one.wire.cut(awayMs)
    else one.process?.stop(awayMs, false)
    world.clock.after(takenMs, () => other.process?.stop(random.between(25_000, 45_000), false))
  },
  /** While one was alone it was promised more than it is now that the other is there, too; then it is cut off. */
  'site.joined'({ stage: { world }, random, one, other }) {
    void other.stop()
    const backMs = random.between(20_000, 30_000)
    world.clock.after(backMs, () => other.start())
    world.clock.after(backMs + random.between(2_000, 15_000), () => one.wire.cut(random.between(30_000, 60_000)))
  },
  /** The hub ends a task, and its conductor does not hear of it. */
  'site.expired'({ stage: { world, conductors }, random, hurry }) {
    void hurry(random, [8_000, 14_000])
    world.clock.after(random.between(5_000, 8_000), () => {
      for (const { wire } of conductors.slice(0, random.int(1, 2))) wire.cut(random.between(25_000, 60_000))
    })
  },
  'site.set-back'({ stage: { world }, random, one }) {
    one.wire.cut(random.between(20_000, 60_000))
    world.clock.after(random.between(500, 10_000), () => {
      if (one.process !== undefined) one.process.wallOffsetMs -= random.between(20_000, 60_000)
    })
  },
  'site.brink'({ random, one }) {
    one.process?.stop(random.between(11_000, 18_000), false)
  },
}

/** True when `kind` is one of these, and it has begun. */
export function begin(kind: FaultKind, stage: Stage, random: Random, hurry: Scene['hurry']): boolean {
  const history = HISTORIES[kind]
  if (history === undefined) return false
  const one = random.pick(stage.conductors)
  const other = random.pick(stage.conductors.filter((each) => each !== one))
  stage.world.say('FAULT', `${kind}: ${one.id}, then ${other.id}`)
  history({ stage, random, one, other, hurry })
  return true
}
