// What is judged, in words: while a run goes on by judge.ts, when all is quiet by verdict.ts.

/** What must always hold; the names stand in the reports of violations. */
export const INVARIANTS = {
  'bmc-epoch': 'the epochs of the mutations that a BMC accepts never go back, and no two conductors share one',
  'lease-or-tenure': 'nothing is changed at a BMC outside of lease ∪ tenure, as the hub promised them',
  tenure: 'nobody is granted a node for which a tenure was promised to another, who may still act by it',
  overlap: 'no two conductors may act on one node at the same moment',
  grants: 'no node is granted while another conductor has it, its lease runs, and it has not given it back',
  doubled: 'no step of a task changes the power twice',
  'not-idempotent': 'no cycle goes to a BMC, and a reset only where the machine may not be off',
  'kept-on': 'a machine that may not be off is not switched off',
  interleaved: 'once a BMC has taken a mutation of a later step or call, it takes none of an earlier one',
  once: 'an operating system is asked to stop, or a machine is reset, once under one permit',
  settles: 'every accepted task settles once the faults have ended, and not by its deadline',
  'settles-once': 'a task settles exactly once',
  edges: 'every change of state is an edge of the table, and starts where the last one ended',
  journal: 'a journal that is replayed twice says the same',
  durable:
    'what was acknowledged is in the database, and so is its event; what the hub remembers of a node is what is stored',
  ring: 'no conductor has more than one node over its quota when all is quiet',
  truth: 'when all is quiet the database says of a machine what is so',
  secret: 'no secret is in any frame',
  frame: 'no frame is larger than the other end takes',
  intent: 'nothing is changed by a step whose intent is not stored, with what shuts its conductor out',
  owner: 'only the owner of a node gets a permit for it',
  heard:
    'only the socket of a conductor’s present session is heard and served, and of a node only under its present epoch',
  ended: 'the hub says of a task that it has ended only when it has, and who was told so does nothing for it any more',
  released: 'a node is given back, and goodbye is said, when nothing that may change it is under way any more',
  alive: 'a conductor that is connected and has its lease is not declared dead',
  outcome: 'a task that has ended well has left the power as its last step says',
  steps:
    'a task that is done has done each of its steps, one after another, and who tells the end of one has done it since it has the node',
  refused: 'what the hub refuses is in the audit log',
  fencing: 'losing a node fails no task, nor do restarts, lost journals and new connections',
  local:
    'by break-glass a machine is switched as a person asks, while its conductor is cut off and no task may act, and the cloud hears of each time, once',
  serves: 'when all is quiet each node is driven, and no journal holds anything',
} as const
export type Invariant = keyof typeof INVARIANTS
