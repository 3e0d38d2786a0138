// Faults that are several events in a row, each at a moment that makes the next one matter.
import type { ConductorHost } from './conductor-host.ts'
import type { FaultKind } from './mix.ts'
import type { Random } from './random.ts'
import type { Stage } from './storm.ts'

interface Scene {
  readonly stage: Stage
  readonly random: Random
  /** Two different conductors, where there are so many. */
  readonly one: ConductorHost
  readonly other: ConductorHost
  /** An open task has less time than it was given. */
  hurry(random: Random, withinMs: readonly [number, number]): Promise<void>
}

/** The slack of a take-over, and what is left of the answer to the last question. */
const TAKEN_AFTER_MS = 12_500

type History = (scene: Scene) => void | Promise<void>

/** Where this is under way: one at a time. */
const returning = new WeakSet<Stage>()

const HISTORIES: Partial<Record<FaultKind, History>> = {
  /** One is away until the other has its nodes; that one is gone in the middle of things, too, and the first gets them again. */
  async 'site.relay'({ stage: { world, mix, data }, random, one, other }) {
    const tenureMs = mix.tenureMs ?? 0
    const takenMs = tenureMs > 0 ? tenureMs + TAKEN_AFTER_MS : 17_000
    if (tenureMs > 0) one.wire.cut(takenMs + random.between(3_000, 8_000))
    else one.process?.stop(takenMs + random.between(1_000, 3_000), false)
    for (const end = world.clock.now + takenMs; world.clock.now < end;) {
      await world.clock.wait(200)
      const [row] = await data.all('SELECT count(*) FROM nodes WHERE conductor = ?', [one.id])
      if (row?.[0] === 0) break
    }
    await world.clock.wait(random.between(50, tenureMs === 0 ? 1_500 : 8_000))
    if (tenureMs === 0) return void other.process?.stop(40_000, false)
    void other.stop()
    await world.clock.wait(40_000)
    other.start()
  },
  /** The other has its nodes when it starts again, and leaves just as it asks what has become of what it had begun. */
  async 'site.returned'({ stage, random, one, other }) {
    const { world, data } = stage
    if (returning.has(stage)) return
    returning.add(stage)
    const until = async (isSo: (nodes: number) => boolean) => {
      for (const end = world.clock.now + 40_000; world.clock.now < end;) {
        await world.clock.wait(200)
        const [[nodes] = [0]] = await data.all('SELECT count(*) FROM nodes WHERE conductor = ?', [one.id])
        if (isSo(Number(nodes))) return
      }
    }
    one.kill()
    await until((nodes) => nodes === 0)
    one.start()
    await until((nodes) => nodes > 0)
    await world.clock.wait(random.between(8_000, 12_000))
    void other.stop()
    await world.clock.wait(20_000)
    other.start()
    returning.delete(stage)
  },
  /** While one was alone it was promised more than it is now that the other is there, too; then it is cut off. */
  'site.joined'({ stage: { world }, random, one, other }) {
    void other.stop()
    const backMs = random.between(20_000, 30_000)
    world.clock.after(backMs, () => other.start())
    world.clock.after(backMs + random.between(2_000, 15_000), () => one.wire.cut(random.between(30_000, 60_000)))
  },
  /** The hub ends a task, and its conductor does not hear of it before it is back: within its lease, or a while after. */
  'site.expired'({ stage: { world, conductors }, random, hurry }) {
    void hurry(random, [8_000, 14_000])
    world.clock.after(random.between(5_000, 8_000), () => {
      const cutMs = random.pick([random.between(5_000, 12_000), random.between(25_000, 60_000)])
      for (const { wire } of conductors.slice(0, random.int(1, 2))) wire.cut(cutMs)
    })
  },
  async 'site.recalled'(scene) {
    await recall(scene)
    scene.one.wire.reset()
  },
  /** With the hub goes what it knew of what it had asked for. */
  async 'site.forgotten'(scene) {
    await recall(scene)
    scene.stage.hub.evict()
  },
  'site.set-back'({ stage: { world }, random, one }) {
    one.wire.cut(random.between(20_000, 60_000))
    world.clock.after(random.between(500, 10_000), () => {
      if (one.process !== undefined) one.process.wallOffsetMs -= random.between(20_000, 60_000)
    })
  },
  /** It goes on when little of its lease is left, or nothing, and on another connection or not. */
  'site.brink'({ random, one }) {
    one.process?.stop(random.between(11_000, 18_000), false)
    if (random.chance(0.5)) one.wire.reset()
  },
  /** It is back after a cut, and its line breaks while it says what has happened. */
  async 'site.flutter'({ stage: { world }, random, one }) {
    const cutMs = random.between(20_000, 90_000)
    one.wire.cut(cutMs)
    await world.clock.wait(cutMs)
    for (const end = world.clock.now + 90_000; world.clock.now < end && !one.isConnected;) await world.clock.wait(50)
    one.wire.reset()
  },
  /** The next one starts while this one takes its number. */
  async 'site.twins'({ stage: { world, hub, mix }, random }) {
    const start = () => {
      hub.evict()
      void hub.command({ kind: 'site.refresh', addresses: false, actor: 'admin', requestId: 'twins' })
    }
    start()
    await world.clock.wait(random.between(0, 3 * mix.database.latencyMs))
    start()
  },
}

/** Its nodes are asked for, and then not, while BMCs are silent, and calls at them have no end. */
async function recall({ stage: { world, hub, machines }, random, one }: Scene): Promise<void> {
  const drain = async (on: boolean) => {
    const wish = { kind: 'conductor.drain', conductor: one.id, on, actor: 'admin', requestId: 'recall' } as const
    while (!(await hub.command(wish)).ok) await world.clock.wait(1_000)
  }
  for (const machine of machines) machine.silentUntil = world.clock.now + random.between(4_000, 9_000)
  await world.clock.wait(random.between(1_000, 3_000))
  await drain(true)
  await world.clock.wait(random.between(100, 500))
  await drain(false)
}

/** True when `kind` is one of these, and it has begun. */
export function begin(kind: FaultKind, stage: Stage, random: Random, hurry: Scene['hurry']): boolean {
  const history = HISTORIES[kind]
  if (history === undefined) return false
  const one = random.pick(stage.conductors)
  const others = stage.conductors.filter((each) => each !== one)
  const other = others.length === 0 ? one : random.pick(others)
  stage.world.say('FAULT', `${kind}: ${one.id}, then ${other.id}`)
  void history({ stage, random, one, other, hurry })
  return true
}
