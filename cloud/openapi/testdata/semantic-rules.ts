// What no schema of the description can say. Each is one rule at some paths, with why; a refusal of a request that fits the description and
// is none of these is a gap between document and server.

interface Rule {
  readonly rule: string
  /** Why no schema of one body, argument or header can say it. */
  readonly why: string
  readonly path: RegExp
  /** What the server says, all of it. */
  readonly says: RegExp
}

const SEMANTIC: readonly Rule[] = [
  {
    rule: 'detail or fields',
    why: 'OpenAPI has no relation between query arguments',
    path: /^\/v1\//,
    says: /^(Either detail or fields may be given, not both|Fields and detail exclude each other)\.$/,
  },
  {
    rule: 'what is kept is kept as it was said',
    why: 'JSON Schema knows neither how a number is written nor that a key is lost in copies of objects',
    path: /^\/v1\//,
    says: /^(The key "__proto__" cannot be kept|[^]*: the number \S+ cannot be kept as it is)\.$/u,
  },
  {
    rule: 'one hypothetical change of the ring at a time',
    why: 'as above',
    path: /^\/v1\/sites\/[^/]+\/ring/,
    says: /^One of without, drain and weight may be given\.$/,
  },
  {
    rule: 'interfaces are reset with a change of driver',
    why: 'relates a query argument to the body',
    path: /^\/v1\/nodes\/[^/]+\?/,
    says: /^reset_interfaces needs a change of the driver in the same patch\.$/,
  },
  {
    rule: 'what a body names exists',
    why: 'depends on what there is',
    path: /^\/v1\//,
    says: /^(Node|Parent node|Port|Portgroup|Chassis|Runbook|Allocation) \S+ could not be found\.$/,
  },
  {
    rule: 'the site of a new node exists',
    why: 'depends on what there is',
    path: /^\/v1\/nodes$/,
    says: /^There is no site called \S+\.$/,
  },
  {
    rule: 'an allocation names a class or a node',
    why: 'a class of null is none, and Ironic takes it',
    path: /^\/v1\/allocations/,
    says: /^resource_class is needed, unless the node is named\.$/,
  },
  {
    rule: 'config drives are such',
    why: 'instance_info is anything but this, unless it is the mask that was read',
    path: /^\/v1\/nodes/,
    says: /^(instance_info\.configdrive: [^]*|The config drive is neither base64 nor a URL\.)$/u,
  },
  {
    rule: 'what is removed or replaced below an attribute is there',
    why: 'depends on the value that it has',
    path: /^\/v1\//,
    says: /^(Couldn't apply patch: \S+ (does not exist|names no attribute)|There is no label \S+)\.$/,
  },
  {
    rule: 'addresses of a pool are inside its network, in order',
    why: 'arithmetic',
    path: /^\/v1\/sites/,
    says: /^pool\.\w+: \S+ is (not inside|before) \S+$/,
  },
  {
    rule: '25 levels',
    why: 'JSON Schema does not count depth',
    path: /^\/v1\//,
    says: /^The body is nested deeper than 25 levels\.$/,
  },
  {
    rule: 'VIFs need a port, and are attached before they are detached',
    why: 'depends on the ports of the node',
    path: /^\/v1\/nodes\/[^/]+\/vifs/,
    says: /^(Node \S+ has no (port|portgroup) \S+|Node \S+ has no free port for VIF [^]*|The (port|portgroup) \S+ has VIF [^]* already|VIF [^]* is not attached to node \S+)\.$/u,
  },
  {
    rule: 'a runbook is public, or has an owner',
    why: 'holds of what the runbook is after a patch, too',
    path: /^\/v1\/runbooks/,
    says: /^A runbook is public, or has an owner, not both\.$/,
  },
  {
    rule: 'no step is there twice',
    why: 'uniqueness by a part of the items',
    path: /^\/v1\/(deploy_templates|runbooks)/,
    says: /is there twice/,
  },
  {
    rule: 'keys of local_link_connection go together',
    why: 'what is needed depends on network_type and is_smartnic, also on those that the port has',
    path: /^\/v1\/ports/,
    says: /^local_link_connection/,
  },
  {
    rule: 'logical disks go together',
    why: 'one root volume among all; what one disk names depends on its controller',
    path: /^\/v1\/nodes\/[^/]+\/states\/raid/,
    says: /^(at most one root volume|physical_disks needs a controller|software RAID has at most two logical disks, .*)$/,
  },
  {
    rule: 'arguments of conditions and actions are such',
    why: 'JSON Schema knows no regular expressions of RE2, and a list is not described argument by argument',
    path: /^\/v1\/inspection_rules/,
    says: /^(conditions|actions)\.\d+\.args: ([^]* is no regular expression: [^]*|regex must be a text|values must be a list|level is one of [a-z, ]+)$/u,
  },
  {
    rule: 'what is shown in place of a secret is none',
    why: 'it may be anywhere in the arguments of a step',
    path: /^\/v1\/(deploy_templates|runbooks)/,
    says: /^An argument reads \*{6}, /,
  },
  {
    rule: 'protected and why',
    why: 'depends on what the node is',
    path: /^\/v1\/nodes\//,
    says: /^(protected|retired)_reason needs (protected|retired), which node \S+ is not\.$/,
  },
  {
    rule: 'parents have no parents',
    why: 'depends on other nodes',
    path: /^\/v1\/nodes/,
    says: /^(A node can not be its own parent|Node \S+ is a child itself, and can be no parent|Node \S+ has children, and can be no child)\.$/,
  },
  {
    rule: 'secrets are sealed',
    why: 'which keys sound like one is a list of words, and the mask means what was there before',
    path: /^\/v1\/nodes/,
    says: /^[^]* (has a user and password in its URL, which would be stored in plain text|must be a string|reads \*{6}, but there is no secret to keep|looks like a secret, and only fields of the first level are sealed)\.$/u,
  },
  {
    rule: 'fifty traits',
    why: 'counts those that the node has',
    path: /\/traits/,
    says: /^Node \S+ would have \d+ traits; \d+ are possible\.$/,
  },
  {
    rule: 'ports and portgroups of one node, at one site',
    why: 'depends on where the others are',
    path: /^\/v1\/(ports|portgroups)/,
    says: /^(Portgroup \S+ belongs to another node than port \S+|Node \S+ is not at site \S+|Portgroup \S+ has \d+ ports)\.$/,
  },
  {
    rule: 'vendor methods',
    why: 'the driver has them',
    path: /\/vendor_passthru/,
    says: /^The vendor method "[^]*" (is not known|does not take)/u,
  },
  {
    rule: 'boot modes',
    why: 'the machine has them',
    path: /\/states\/boot_mode/,
    says: /^The boot mode "\w+" is not possible with this node\.$/,
  },
  {
    rule: 'what a verb takes and needs',
    why: 'arguments depend on the target, and on what the node can',
    path: /\/states\/provision/,
    says: /^("\w+" is not possible with the target "\w+"|"\w+_steps" and "runbook" exclude each other|The target "\w+" needs ("\w+_steps" or a "runbook"|a "rescue_password"))\.$/,
  },
]

/** Is this what the server may say to a request that fits? */
export function isSemantic(path: string, said: string): boolean {
  return SEMANTIC.some((rule) => rule.path.test(path) && rule.says.test(said))
}
