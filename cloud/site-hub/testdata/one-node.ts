// One node of a driver that offers steps, at a hub over a real database, with the conductor played by the test.
import { afterEach, beforeEach } from 'vitest'
import type { DriverFacts, OfferedStep } from '../../../shared/protocol.ts'
import type { CommandResult, ProvisionArgs } from '../commands.ts'
import { fakeDriver, HubBench, type TestPeer } from './hub-bench.ts'

const offer = (iface: string, step: string, priority: number, more: Partial<OfferedStep> = {}): OfferedStep => ({
  interface: iface,
  of: 'fake',
  step,
  priority,
  ...more,
})
const bios = offer('bios', 'apply_configuration', 0, {
  requires_ramdisk: false,
  argsinfo: { settings: { description: 'what', required: true } },
})
const kinds = ['power', 'management', 'boot', 'deploy', 'bios', 'raid', 'inspect', 'rescue', 'vendor']
export const driver: DriverFacts = {
  ...fakeDriver,
  interfaces: Object.fromEntries(kinds.map((kind) => [kind, ['fake', `no-${kind}`]])),
  steps: {
    verify: [offer('management', 'check_clock', 1, { requires_ramdisk: false })],
    clean: [
      offer('deploy', 'erase', 99, { abortable: true }),
      offer('deploy', 'burn', 10),
      offer('raid', 'delete', 0, { requires_ramdisk: false }),
      bios,
    ],
    deploy: [offer('deploy', 'inject', 0, { argsinfo: { files: { description: 'which' } } })],
    service: [bios, offer('deploy', 'burn', 0)],
  },
}


export const steps = (...names: string[]) =>
  names.map((name) => ({ interface: name.split('.')[0]!, step: name.split('.')[1]! }))

export class OneNode {
  bench!: HubBench
  peer!: TestPeer
  node = ''
  #seen = 0

  /** In a test file's own scope: a new one for each test. */
  constructor() {
    beforeEach(async () => {
      this.bench = await HubBench.make()
      this.peer = await this.bench.connect('a', [driver])
      this.node = await this.bench.newNode({ name: 'n1', automated_clean: false })
      this.#seen = 0
    })
    afterEach(() => this.bench.close())
  }

  readonly verb = (name: string, args: ProvisionArgs = {}): Promise<CommandResult> =>
    this.bench.command('node.provision', { node: this.node, verb: name as 'manage', args })

  /** Sets columns behind the hub's back. */
  readonly change = (text: string) =>
    this.bench.sql.batch([{ sql: `UPDATE nodes SET ${text} WHERE uuid = ?`, args: [this.node] }])

  readonly put = (state: string) => this.change(`provision_state = '${state}', target_provision_state = NULL`)

  readonly row = async (...columns: string[]): Promise<Record<string, unknown>> => {
    const [found] = await this.bench.sql.all(`SELECT ${columns.join(', ')} FROM nodes WHERE uuid = ?`, [this.node])
    return Object.fromEntries(columns.map((column, i) => [column, found?.[i]]))
  }

  readonly state = async () => (await this.row('provision_state'))['provision_state']

  /** Each state that it came to since the last call. */
  readonly path = async () => {
    const rows = await this.bench.sql.all(
      "SELECT id, json_extract(body, '$.to') FROM events WHERE type = 'node.provision_state' AND id > ? ORDER BY id",
      [this.#seen],
    )
    this.#seen = Number(rows.at(-1)?.[0] ?? this.#seen)
    return rows.map(([, to]) => to)
  }

  /** The code of a command's fault; undefined when it was carried out. */
  readonly fault = async (wanted: Promise<CommandResult>) => {
    const result = await wanted
    return result.ok ? undefined : result.fault.code
  }

  readonly work: HubBench['work'] extends (peer: TestPeer, ...rest: infer R) => infer T ? (...rest: R) => T : never = (
    ...rest
  ) => this.bench.work(this.peer, ...rest)

  /** Does the task up to that step, and says that it waits, as a conductor at work on it does. */
  readonly wait = async (at: string) => {
    await this.work({ stopAt: at })
    const task = this.peer.last('task')
    const step = task.steps.findIndex((each) => `${each.interface}.${each.step}` === at)
    const about = { id: task.id, epoch: task.epoch }
    const said = { at: this.bench.now, step }
    const [row] = await this.bench.sql.all('SELECT last_event FROM tasks WHERE id = ?', [task.id])
    const n = Number(row?.[0])
    const events = [
      { n: n + 1, ...said, kind: 'started' as const },
      { n: n + 2, ...said, kind: 'waiting' as const },
    ]
    await this.bench.say(this.peer, { type: 'event', ...about, events })
    return task
  }

  /** The step under way ends because the hub wanted it. */
  readonly cancelled = async ({ id, epoch }: { id: string; epoch: number }, step = 5) => {
    const why = { code: 'task.cancelled' as const, message: 'x', hint: 'x' }
    await this.bench.say(this.peer, { type: 'result', id, epoch, outcome: { ok: false, fault: why, step } })
  }
}
