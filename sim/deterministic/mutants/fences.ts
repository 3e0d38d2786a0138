// Mistakes at the BMC: rule 5 (last-moment check), rule 6 (fence, permit, read, act), rule 7 (nothing that is not idempotent).
import type { Mutant } from './mutant.ts'

export const fences: readonly Mutant[] = [
  {
    id: 'repeats-unasked',
    rule: '5',
    flavour: 'late',
    breaks: 'a packet that is repeated is not checked again',
    file: 'site-conductor/ipmi/live-session.ts',
    find: '      options.before?.()\n',
    replace: '      if (pending.sent === 0) options.before?.()\n',
  },
  {
    id: 'check-without-lease',
    rule: '5',
    flavour: 'stalled',
    breaks: 'the last-moment check relies on a timer to have ended what has no lease',
    file: 'site-conductor/link/grants.ts',
    find: '    if (this.leaseLeft() === 0) throw this.#lapsed()\n',
    replace: '',
  },
  {
    id: 'check-without-hold',
    rule: '5',
    flavour: 'calling',
    breaks: 'the last-moment check looks for a lease only, not for the node',
    file: 'site-conductor/link/grants.ts',
    find: 'if (this.#held.get(hold.grant.node) !== hold)',
    replace: 'if (hold.grant.epoch === 0)',
  },
  {
    id: 'monotonic-only',
    rule: '5',
    flavour: 'stalled',
    breaks: 'a lease is counted by the monotonic clock alone, which stands still in a paused machine',
    file: 'site-conductor/link/span.ts',
    find: 'const passed = Math.max(env.mono() - span.from.mono, env.now() - span.from.wall)',
    replace: 'const passed = env.mono() - span.from.mono',
  },
  {
    id: 'wall-only',
    rule: '5',
    flavour: 'set-back',
    breaks: 'a lease is counted by the wall clock alone, which people and NTP set',
    file: 'site-conductor/link/span.ts',
    find: 'const passed = Math.max(env.mono() - span.from.mono, env.now() - span.from.wall)',
    replace: 'const passed = env.now() - span.from.wall',
  },
  {
    id: 'step-asks-its-signal',
    rule: '5',
    flavour: 'stalled',
    breaks: 'steps look whether they were aborted, and not whether they still may',
    file: 'site-conductor/tasks/step-context.ts',
    find: 'before: authority.before,',
    replace: 'before: () => signal.throwIfAborted(),',
  },
  {
    id: 'call-asks-its-signal',
    rule: '5',
    flavour: 'calling',
    breaks: 'calls look whether they were aborted, and not whether they still may',
    file: 'site-conductor/tasks/calls.ts',
    find: 'before: () => grants.check(hold),',
    replace: 'before: () => signal.throwIfAborted(),',
  },
  {
    id: 'local-asks-once',
    rule: '5',
    flavour: 'local',
    breaks: 'break-glass looks once whether the cloud is away, and not at each packet',
    file: 'site-conductor/local/actions.ts',
    find: `        const why = refusal()
        if (why !== undefined) throw new FaultError('fenced', why)
`,
    replace: `        if (signal.aborted) throw new FaultError('fenced', refusal() ?? 'it took too long')
`,
  },
  {
    id: 'permit-before-fence',
    rule: '6',
    flavour: 'overtaken',
    breaks: 'the hub is asked first, and the fence is opened with its permit in hand',
    file: 'site-conductor/tasks/runner.ts',
    find: `        fence = await this.#openFence(step)
        if (fence?.session !== undefined) await this.#remember(fence.session)
        this.#checkCancelled()
        await this.#options.questions.ask(this.task.id, this.#index, this.authority, fence?.session)
`,
    replace: `        await this.#options.questions.ask(this.task.id, this.#index, this.authority, this.#predecessor)
        this.#checkCancelled()
        fence = await this.#openFence(step)
        if (fence?.session !== undefined) await this.#remember(fence.session)
`,
  },
  {
    id: 'predecessor-unknown',
    rule: '6',
    flavour: 'overtaken',
    breaks: 'whoever takes a task over does not look who acted before',
    file: 'site-conductor/tasks/runner.ts',
    find: '    this.#predecessor = predecessor\n',
    replace: '',
  },
  {
    id: 'first-session-only',
    rule: '6',
    flavour: 'overtaken',
    breaks: 'of a node’s BMC sessions the hub remembers the first',
    file: 'cloud/site-hub/tasks.ts',
    find: 'const isNew = bmcSession !== undefined && (await turn.node(task.node)).bmc_session !== bmcSession',
    replace: 'const isNew = bmcSession !== undefined && (await turn.node(task.node)).bmc_session === null',
  },
  {
    id: 'session-only-on-resume',
    rule: '6',
    flavour: 'overtaken',
    breaks: 'a task that begins is not told who acted last',
    file: 'cloud/site-hub/tasks.ts',
    find: '...(node.bmc_session !== null && { bmcSession: node.bmc_session }),',
    replace: '...(node.bmc_session !== null && task.done_steps > 0 && { bmcSession: node.bmc_session }),',
  },
  {
    id: 'acts-beside-its-fence',
    rule: '6',
    flavour: 'overtaken',
    breaks: 'a step opens its fence, and then changes things in a session of the pool',
    file: 'site-conductor/drivers/ipmi/bmc.ts',
    find: 'own !== undefined ? own.mutate(act, signal) : pool.mutate(bmcOf(context.driverInfo), act, options),',
    replace:
      "own !== undefined && !('task' in context) ? own.mutate(act, signal) : pool.mutate(bmcOf(context.driverInfo), act, options),",
  },
  {
    id: 'fence-of-itself',
    rule: '6',
    flavour: 'overtaken',
    breaks: 'only a session of this very process is closed, since that is the one whose name it knows',
    file: 'site-conductor/tasks/runner.ts',
    find: 'fencing.open(await this.#contextOf(step, signal), this.#predecessor),',
    replace:
      'fencing.open(await this.#contextOf(step, signal), this.#n > this.task.lastEvent ? this.#predecessor : undefined),',
  },
  {
    id: 'on-is-a-restart',
    rule: '7',
    breaks: 'switching on a machine that is on switches it off first, so that it boots what it was told to',
    file: 'site-conductor/drivers/ipmi/power.ts',
    find: '  const { env, signal } = context\n',
    replace:
      "  const { env, signal } = context\n  if (wanted === 'on' && (await powerOf(context)) === 'on') await bring(context, 'off', 'off', timeoutMs)\n",
  },
  {
    id: 'off-is-a-cycle',
    rule: '7',
    breaks: 'a machine that is to be on and is on gets a power cycle',
    file: 'site-conductor/drivers/ipmi/power.ts',
    find: '  if ((await powerOf(context)) !== wanted) {\n    await mutate(context, (session, options) => controlChassis(session, action, options))\n',
    replace:
      "  const found = await powerOf(context)\n  if (found !== wanted || wanted === 'on') {\n    await mutate(context, (session, options) => controlChassis(session, found === 'on' && wanted === 'on' ? 'cycle' : action, options))\n",
  },
  {
    id: 'reset-again',
    rule: '7',
    breaks: 'a reset of unknown fate is sent once more',
    file: 'site-conductor/drivers/reset-once.ts',
    find: '  if (!hasBegun || start.isOff) {\n',
    replace: '  if (!hasBegun || start.isOff || context.env.mono() > 0) {\n',
  },
  {
    id: 'soft-off-unseen',
    rule: '7',
    breaks: 'a machine that was asked to stop counts as off before it is seen to be',
    file: 'site-conductor/drivers/ipmi/power.ts',
    find: '    (await powerOf(context)) !== wanted;\n',
    replace: "    action !== 'soft' && (await powerOf(context)) !== wanted;\n",
  },
  {
    id: 'stragglers-forgotten',
    rule: '7',
    flavour: 'stragglers',
    breaks: 'a session in which a repeated mutation may still be on its way is used for the next one',
    file: 'site-conductor/ipmi/live-session.ts',
    find: "if (pending.command.kind !== 'read' && pending.sent > pending.answered) this.stragglers = true",
    replace: "if (pending.command.kind === 'once' && pending.sent > pending.answered) this.stragglers = true",
  },
  {
    id: 'closes-later',
    rule: '7',
    flavour: 'stragglers',
    breaks: 'a step ends before the BMC has closed its session, in which an old packet may still count',
    file: 'site-conductor/ipmi/pool.ts',
    find: '        end()\n        await session.close()\n',
    replace: '        end()\n        session.abandon()\n',
  },
  {
    id: 'local-beside-a-task',
    rule: '7',
    flavour: 'local',
    breaks: 'break-glass switches a machine beside a task that goes on by its tenure',
    file: 'site-conductor/local/actions.ts',
    find: '    if (task !== undefined) {\n',
    replace: '    if (task !== undefined && this.#busy.has(grant.node)) {\n',
  },
  {
    id: 'soft-off-again',
    rule: '7',
    flavour: 'lossy',
    breaks: 'what must not be done twice is sent again after silence',
    file: 'site-conductor/ipmi/live-session.ts',
    find: "if (command.kind !== 'once' && pending.sentSinceBusy <= most)",
    replace: 'if (pending.sentSinceBusy <= most)',
  },
]
