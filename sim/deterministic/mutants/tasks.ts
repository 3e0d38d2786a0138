// Mistakes about tasks: rule 8 (write-ahead intent), rule 8b (what a successor needs is in the task's context).
import type { Mutant } from './mutant.ts'

export const tasks: readonly Mutant[] = [
  {
    id: 'any-answer-permits',
    rule: '8',
    breaks: 'an answer to an old question permits the step of the present one',
    file: 'site-conductor/questions.ts',
    find: 'if (question?.rid !== rid) return',
    replace: 'if (question === undefined || question.rid < rid) return',
  },
  {
    id: 'asks-once',
    rule: '8',
    breaks: 'a step that begins again with a new BMC session does not ask again',
    file: 'site-conductor/runner.ts',
    find: '        await this.#options.questions.ask(this.task.id, this.#index, this.authority, fence?.session)\n',
    replace:
      '        if (lost === 0) await this.#options.questions.ask(this.task.id, this.#index, this.authority, fence?.session)\n',
  },
  {
    id: 'resumes-unasked',
    rule: '8',
    breaks: 'a step that had begun before goes on without asking',
    file: 'site-conductor/runner.ts',
    find: '        await this.#options.questions.ask(this.task.id, this.#index, this.authority, fence?.session)\n',
    replace:
      '        if (this.#index !== this.task.doneSteps || this.task.lastEvent % 2 === 0) await this.#options.questions.ask(this.task.id, this.#index, this.authority, fence?.session)\n',
  },
  {
    id: 'proceed-before-commit',
    rule: '8',
    breaks: 'the hub’s frames go out before what they say is stored',
    file: 'cloud/site-hub/turns.ts',
    find: '      await turn.commit()\n',
    replace: '      turn.finish(() => undefined)\n      await turn.commit()\n',
  },
  {
    id: 'intent-once',
    rule: '8',
    breaks: 'an intent is stored only when there was none',
    file: 'cloud/site-hub/tasks.ts',
    find: 'intent: { step, epoch, rid, bmcSession: bmcSession ?? null },',
    replace: 'intent: task.intent ?? { step, epoch, rid, bmcSession: bmcSession ?? null },',
  },
  {
    id: 'skips-begun-step',
    rule: '8',
    breaks: 'whoever goes on takes a step that had begun for done',
    file: 'site-conductor/runner.ts',
    find: "last.step + (last.kind === 'finished' ? 1 : 0)",
    replace: 'last.step + 1',
  },
  {
    id: 'event-counts-again',
    rule: '8',
    breaks: 'the last event counts again when it is said again',
    file: 'cloud/site-hub/tasks.ts',
    find: 'if (event.n === task.last_event + 1) await take(turn, task, event)',
    replace: 'if (event.n === task.last_event + 1 || event.n === task.last_event) await take(turn, task, event)',
  },
  {
    id: 'events-with-gaps',
    rule: '8',
    breaks: 'an event counts although the one before it has not arrived',
    file: 'cloud/site-hub/tasks.ts',
    find: 'if (event.n === task.last_event + 1) await take(turn, task, event)',
    replace: 'if (event.n > task.last_event) await take(turn, task, event)',
  },
  {
    id: 'heard-after-a-failure',
    rule: '8',
    breaks: 'what follows on a socket counts although the frame before it could not be stored',
    file: 'cloud/site-hub/hub.ts',
    find: '        this.#failed.add(peer)\n',
    replace: '',
  },
  {
    id: 'never-forgets',
    rule: '8b',
    breaks: 'the journal keeps what the hub has settled',
    file: 'site-conductor/tasks.ts',
    find: `  async settled(id: string): Promise<void> {
    await this.#reports.forget(id)
`,
    replace: `  async settled(id: string): Promise<void> {
    if (this.#runs.has(id)) await this.#reports.forget(id)
`,
  },
  {
    id: 'context-stays-here',
    rule: '8b',
    breaks: 'what steps found out stays with the conductor',
    file: 'site-conductor/runner.ts',
    find: 'const more = { ...(context && { context }), ...(facts && { facts }) }',
    replace: 'const more = { ...(facts && { facts }) }',
  },
  {
    id: 'context-replaced',
    rule: '8b',
    breaks: 'each step’s context replaces what was kept before',
    file: 'cloud/site-hub/tasks.ts',
    find: 'const context = event.context ? merged(task.context as Record<string, unknown>, event.context) : task.context',
    replace: 'const context = event.context ? merged({}, event.context) : task.context',
  },
  {
    id: 'context-of-waits-only',
    rule: '8b',
    breaks: 'the hub keeps context only of what was kept in the middle of a step',
    file: 'cloud/site-hub/tasks.ts',
    find: 'const context = event.context ? merged(',
    replace: "const context = event.context && event.kind === 'kept' ? merged(",
  },
  {
    id: 'resumes-from-journal',
    rule: '8b',
    breaks: 'only a conductor that has something in its journal rebuilds what an earlier run had in memory',
    file: 'site-conductor/runner.ts',
    find: 'if (this.#index > 0) await this.#resume()',
    replace: 'if (this.#index > task.doneSteps) await this.#resume()',
  },
  {
    id: 'begins-anew',
    rule: '8b',
    breaks: 'a task that is delivered to another process begins at its first step',
    file: 'cloud/site-hub/tasks.ts',
    find: 'doneSteps: task.done_steps,',
    replace: 'doneSteps: owner.row.session === epochOf(state, index) ? task.done_steps : 0,',
  },
  {
    id: 'since-ever',
    rule: '8b',
    breaks: 'a conductor’s unheard events count although another has had the node meanwhile',
    file: 'cloud/site-hub/tasks.ts',
    find: 'since: index.moved,',
    replace: 'since: 0,',
  },
]
