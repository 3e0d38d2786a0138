// Another conductor finishes what one began (ownership.md, rule 8b), from every point of a deployment: each machine's conductor loses the hub at
// another frame of its task, goes on as far as it can, and never comes back; its journal is never read again. What the second one finds is what
// the hub knows and what the machine is like. The BMC's log, the disk and the timeline are the judges.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { PLANS } from '../cloud/plans.ts'
import { webSocketDialer, type Dialer } from '../site-conductor/dialer.ts'
import { lookAtDisk } from '../sim/disk.ts'
import { imageDigest, imageDigestOn, makeImage } from '../sim/image.ts'
import type { SiteMachine } from '../sim/site.ts'
import { startStory, type Story } from './story.ts'

const IMAGE_BYTES = 3 * 2 ** 20
const IMAGE = makeImage(IMAGE_BYTES)
/** Lease and margin are 17 s, and fifty machines boot at once on a busy host. */
const PATIENCE_MS = 150_000
/** accepted, result; per step intent, proceed, started, finished; the agent is waited for and comes; kept: tokens, the script that was fetched, the token that was shown, the first call. */
const FRAMES = 2 + 4 * PLANS.deploy.length + 2 + 4

interface Frame {
  readonly type: string
  readonly id?: string
  readonly node?: string
  readonly kind?: string
}

/** A conductor's way to the hub, which loses the frames of a node's deployment from a given one on, and in the end all frames. */
class Wire {
  /** By node: the number of the first frame that is lost. */
  readonly cutAt = new Map<string, number>()
  /** By node: frames of its deployment so far. */
  readonly frames = new Map<string, string[]>()
  isCut = false
  readonly #nodeOf = new Map<string, string>()

  readonly dialer: Dialer = {
    dial: (url, headers, events) => {
      const socket = webSocketDialer.dial(url, headers, {
        opened: () => events.opened(),
        closed: (code, reason) => events.closed(code, reason),
        message: (frame) => this.#passes(frame) && events.message(frame),
      })
      const send = (frame: string) => void (this.#passes(frame) && socket.send(frame))
      return { send, close: (code, reason) => socket.close(code, reason) }
    },
  }

  #passes(text: string): boolean {
    if (this.isCut) return false
    const frame = JSON.parse(text) as Frame
    if (frame.type === 'task' && frame.kind === 'deploy') this.#nodeOf.set(frame.id!, frame.node!)
    const node = this.#nodeOf.get(frame.id ?? '')
    if (node === undefined || frame.type === 'task') return true
    const seen = this.frames.get(node) ?? []
    this.frames.set(node, seen)
    // Answers move nothing: losing one is losing what they answer.
    if (frame.type !== 'ack' && frame.type !== 'settled') seen.push(frame.type)
    return seen.length <= (this.cutAt.get(node) ?? Infinity)
  }
}

async function until(what: string, check: () => Promise<string | undefined>): Promise<void> {
  const end = performance.now() + PATIENCE_MS
  for (;;) {
    const missing = await check()
    if (missing === undefined) return
    if (performance.now() > end) throw new Error(`${what}: after ${PATIENCE_MS / 1000} s ${missing}`)
    await sleep(100)
  }
}

const nameOf = (step: { interface: string; step: string }) => `${step.interface}.${step.step}`
const PLANNED = PLANS.deploy.map(nameOf)
/** What is done again when the machine has to boot again, for its agent would call a conductor that is gone. */
const BOOT = PLANNED.slice(0, PLANNED.indexOf('deploy.wait_agent'))

async function deploy({ api, site }: Story, node: string, hostname: string): Promise<void> {
  await api.patchNode(node, { instance_info: site.instanceInfo() })
  await api.provision(node, 'active', { configdrive: { meta_data: { hostname }, user_data: '#!/bin/sh\necho hello' } })
}

/** As it must be after any deployment of this image. Answers how often the machine booted a ramdisk. */
async function judge({ api }: Story, { machine, node }: SiteMachine, before: number, what: string): Promise<number> {
  expect(await api.node(node), what).toMatchObject({
    provision_state: 'active',
    last_error: null,
    power_state: 'power on',
  })
  expect(await imageDigestOn(machine.disk.path, IMAGE_BYTES), what).toBe(imageDigest(IMAGE.bytes))
  expect(await lookAtDisk(machine.disk.path), what).toMatchObject({
    partitions: [expect.stringContaining('1 '), expect.stringContaining('2 ')],
    config: { metaData: { hostname: machine.options.name }, userData: expect.stringContaining('echo hello') },
  })
  const timeline = await api.timeline(node)
  const task = timeline.findLast(({ type, body }) => type === 'task.started' && body['kind'] === 'deploy')!.task
  const done = timeline
    .filter((entry) => entry.type === 'step.finished' && entry.task === task)
    .map(({ step }) => step!)
  const again = timeline.some(({ type }) => type === 'boot.again')
  const counts = PLANNED.map((name) => done.filter((each) => each === name).length)
  const wanted = PLANNED.map((name) => PLANNED.filter((each) => each === name).length)
  for (const [i, name] of PLANNED.entries()) {
    const most = again && BOOT.includes(name) ? wanted[i]! + 1 : wanted[i]!
    expect(counts[i], `${what}: ${name} finished`).toBeGreaterThanOrEqual(wanted[i]!)
    expect(counts[i], `${what}: ${name} finished`).toBeLessThanOrEqual(most)
  }
  const told = machine.bmc.log.entries.filter(({ command }) =>
    /^(Chassis Control|Set System Boot Options)$/.test(command),
  )
  for (const { detail } of machine.bmc.log.of('Chassis Control')) expect(['on', 'off'], what).toContain(detail)
  for (const { privilege } of told) expect(privilege, what).toBe(4)
  const sessions = told.map(({ session }) => session).filter((session, i, all) => session !== all[i - 1])
  expect(new Set(sessions).size, `${what}: no session acts after a later one has`).toBe(sessions.length)
  const boots = machine.offToOn() - before
  expect(boots, `${what}: off to on`).toBeGreaterThanOrEqual(2)
  expect(boots, `${what}: off to on`).toBeLessThanOrEqual(again ? 3 : 2)
  return boots - 1
}

test(
  'from any frame on, another conductor finishes a deployment as the first one would have',
  { timeout: 400_000 },
  async (context) => {
    const wire = new Wire()
    const options = { machines: FRAMES + 1, imageBytes: IMAGE_BYTES, ramdiskBytes: 16 * 1024, dialer: wire.dialer }
    await using story = await startStory(context, options)
    const { api, site } = story
    // With a second one alive no task has a tenure; this one can drive no machine.
    await site.join({ drivers: ['fake-hardware'], boot: false })
    const { machines } = site
    await Promise.all(machines.map(({ node }) => api.patchNode(node, { automated_clean: false })))
    await Promise.all(machines.map(({ node }) => api.provision(node, 'manage')))
    const inState = (wanted: string, of: readonly SiteMachine[]) =>
      until(`all ${wanted}`, async () => {
        const nodes = await Promise.all(of.map(({ node }) => api.node(node)))
        const others = nodes.filter(
          ({ provision_state: state, reservation }) => state !== wanted || reservation !== null,
        )
        return others.length === 0
          ? undefined
          : others.map((node) => `${node.name} ${node.provision_state} ${node.last_error ?? ''}`).join('; ')
      })
    await inState('manageable', machines)
    await Promise.all(machines.map(({ node }) => api.provision(node, 'provide')))
    await inState('available', machines)

    const [whole, ...cut] = machines as [SiteMachine, ...SiteMachine[]]
    await deploy(story, whole.node, whole.machine.options.name)
    await inState('active', [whole])
    expect(await judge(story, whole, 0, 'uncut')).toBe(1)
    expect(wire.frames.get(whole.node), 'one machine for each frame').toHaveLength(FRAMES)

    for (const [i, { node }] of cut.entries()) wire.cutAt.set(node, i)
    await Promise.all(cut.map(({ node, machine }) => deploy(story, node, machine.options.name)))
    await until('all cut', async () => {
      const going = cut.filter(({ node }, i) => (wire.frames.get(node)?.length ?? 0) <= i)
      return going.length === 0
        ? undefined
        : `${going.length} go on: ${going.map(({ machine }) => machine.options.name).join(' ')}`
    })
    wire.isCut = true
    await site.join()
    await inState('active', cut)
    const boots = []
    for (const [i, each] of cut.entries()) {
      const frames = wire.frames.get(each.node)!
      boots.push(await judge(story, each, 0, `${each.machine.options.name}, cut before frame ${i}, ${frames[i]}`))
    }
    expect(new Set(boots)).toEqual(new Set([1, 2]))
  },
)
