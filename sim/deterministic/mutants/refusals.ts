// Mistakes about who is heard: rule 9.
import type { Mutant } from './mutant.ts'

export const refusals: readonly Mutant[] = [
  {
    id: 'anybody-is-heard',
    rule: '9',
    breaks: 'every conductor with a session may speak of every task',
    file: 'cloud/site-hub/tasks.ts',
    find: `    index.owner === conductor.row.id &&
    epochOf(turn.state, index) === message.epoch &&
`,
    replace: '',
  },
  {
    id: 'old-epochs-are-heard',
    rule: '9',
    flavour: 'returned',
    breaks: 'the owner of a node is heard under any of its epochs',
    file: 'cloud/site-hub/tasks.ts',
    find: '    epochOf(turn.state, index) === message.epoch &&\n',
    replace: '',
  },
  {
    id: 'refused-in-silence',
    rule: '9',
    breaks: 'what is refused leaves no trace in the audit log',
    file: 'cloud/site-hub/tasks.ts',
    find: `  turn.refusal(
    \`conductor.\${message.type}\`,
    task.node,
    'fenced',`,
    replace: `  if (conductor === undefined) turn.refusal(
    \`conductor.\${message.type}\`,
    task.node,
    'fenced',`,
  },
  {
    id: 'old-socket-is-heard',
    rule: '9',
    flavour: 'sluggish',
    breaks: 'a socket whose session was replaced still speaks for its conductor',
    file: 'cloud/site-hub/state.ts',
    find: 'if (!conductor || conductor.leaseUntil === 0 || attachment?.session !== conductor.row.session) return undefined',
    replace: 'if (!conductor || conductor.leaseUntil === 0 || !attachment) return undefined',
  },
  {
    id: 'stale-result-kept',
    rule: '9',
    flavour: 'relay',
    breaks: 'an outcome from before another conductor had the node is said again under the new epoch',
    file: 'site-conductor/tasks/journal.ts',
    find: 'if (old?.result !== undefined && !isOurs(old.result.epoch, record.task))',
    replace: 'if (old?.result !== undefined && old.result.epoch > record.task.epoch)',
  },
  {
    id: 'stale-events-kept',
    rule: '9',
    flavour: 'relay',
    breaks: 'events from before another conductor had the node are numbered on',
    file: 'site-conductor/tasks/journal.ts',
    find: 'if (made.event.n === expected && isOurs(made.epoch, task)) kept.push(made)',
    replace: 'if (made.event.n === expected) kept.push(made)',
  },
  {
    id: 'lost-is-rejected',
    rule: '9',
    flavour: 'forgotten',
    breaks: 'a task whose node is not held (any more) is rejected, which fails it',
    file: 'site-conductor/tasks/tasks.ts',
    find: "if (isLost(error)) return log.info('task left', { node: task.node, task: task.id, why: error.message })",
    replace: "if (isLost(error)) log.info('task left', { node: task.node, task: task.id, why: error.message })",
  },
  {
    id: 'lost-is-failed',
    rule: '9',
    flavour: 'gentle',
    breaks: 'a run whose node was lost reports that as the failure of its task',
    file: 'site-conductor/tasks/runner.ts',
    find: 'if (authority.signal.aborted) this',
    replace: 'if (authority.signal.aborted && !authority.hold.signal.aborted) this',
  },
  {
    id: 'fenced-as-done',
    rule: '9',
    flavour: 'relay',
    breaks: 'what the hub refuses it answers as if the task had ended, whatever was said under which epoch',
    file: 'cloud/site-hub/tasks.ts',
    find: "  turn.send(peer, { type: 'fenced', id: task.id, ...rid, epoch: message.epoch })\n",
    replace: "  turn.send(peer, { type: 'done', id: task.id, ...rid })\n",
  },
]
