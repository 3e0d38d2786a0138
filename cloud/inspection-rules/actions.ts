// The actions of inspection rules, each of which changes what was found in place.
import { capabilitiesOf, withCapabilities } from '../../shared/capabilities.ts'
import { itemsOf, type Condition } from './conditions.ts'
import { namesField, RuleFailure, textOf, type Values } from './fields.ts'
import { argsOf, type Signature } from './signature.ts'
import type { Work } from './work.ts'

type Fields = Record<string, unknown>

/** What an inspection knows. Rules change all but the inventory. */
export interface Found {
  readonly inventory: Values
  readonly pluginData: Fields
  /** What may be read of the node, but not changed. */
  readonly about: Values
  /** By the names of the API; an attribute that is not there cannot be set. */
  readonly node: Fields
  readonly traits: Set<string>
  readonly ports: readonly Fields[]
  /** What rules had to say, and how many lines more than are kept. */
  readonly log: { readonly lines: { level: string; message: string }[]; more: number }
}

export type Action = Omit<Condition, 'multiple'>

interface Doer extends Signature {
  run(found: Found, args: Values, work: Work): void
}

/** A change of what is at `path` below `root`, and what it takes beside the path. */
interface Change {
  readonly needs: readonly string[]
  readonly may: readonly string[]
  make(root: Fields, path: readonly string[], args: Values, work: Work): void
}
const SET: Change = { needs: ['value'], may: [], make: set }
const EXTEND: Change = { needs: ['value'], may: ['unique'], make: extend }
const REMOVE: Change = { needs: [], may: [], make: remove }

const onNode = ({ needs, may, make }: Change): Doer => ({
  needs: ['path', ...needs],
  may,
  run: ({ node }, args, work) => make(node, attributePath(node, args['path']), args, work),
})
const onPort = ({ needs, may, make }: Change): Doer => ({
  needs: ['port_id', 'path', ...needs],
  may,
  run({ ports }, args, work) {
    const id = textOf(args['port_id']).toLowerCase()
    const port = ports.find(({ uuid, address }) => uuid === id || address === id)
    if (!port) throw new RuleFailure(`the node has no port ${id}`)
    make(port, attributePath(port, args['path']), args, work)
  },
})
const onPluginData = ({ needs, may, make }: Change): Doer => ({
  needs: ['path', ...needs],
  may,
  run: ({ pluginData }, args, work) => make(pluginData, pathOf(args['path']), args, work),
})

/** Lines on the timeline that one inspection may have for its rules, and characters of each. */
const MAX_LINES = 100
const MAX_LINE = 2_000
const LEVELS = ['debug', 'info', 'warning', 'error', 'critical']
const isLevel = (level: unknown) => LEVELS.includes(textOf(level).toLowerCase())

export const ACTIONS: Readonly<Record<string, Doer>> = {
  fail: {
    needs: ['msg'],
    run(_found, { msg }) {
      throw new RuleFailure(textOf(msg))
    },
  },
  log: {
    needs: ['msg'],
    may: ['level'],
    refuse: ({ level = 'info' }) =>
      isLevel(level) || namesField(textOf(level)) ? undefined : `level is one of ${LEVELS.join(', ')}`,
    run({ log }, { msg, level = 'info' }) {
      if (log.lines.length === MAX_LINES) log.more++
      else log.lines.push({ level: textOf(level), message: cut(textOf(msg)) })
    },
  },
  'set-attribute': onNode(SET),
  'extend-attribute': onNode(EXTEND),
  'del-attribute': onNode(REMOVE),
  'set-capability': {
    needs: ['name', 'value'],
    run: ({ node }, { name, value }, work) => setCapabilities(node, { [textOf(name)]: textOf(value) }, work),
  },
  'unset-capability': {
    needs: ['name'],
    run: ({ node }, { name }, work) => setCapabilities(node, { [textOf(name)]: null }, work),
  },
  'add-trait': { needs: ['name'], run: ({ traits }, { name }) => void traits.add(textOf(name)) },
  'remove-trait': { needs: ['name'], run: ({ traits }, { name }) => void traits.delete(textOf(name)) },
  'set-plugin-data': onPluginData(SET),
  'extend-plugin-data': onPluginData(EXTEND),
  'unset-plugin-data': onPluginData(REMOVE),
  'set-port-attribute': onPort(SET),
  'extend-port-attribute': onPort(EXTEND),
  'del-port-attribute': onPort(REMOVE),
}

/** Ironic's actions that are not offered, and why. */
export const NOT_OFFERED: Readonly<Record<string, string>> = {
  'api-call':
    'rules run in the cloud, which would send requests to whatever address a rule names from where it runs itself: a way into the networks of its host, and no way into those of a site',
}

/** Throws RuleFailure. */
export function act(action: Action, found: Found, work: Work): void {
  const doer = ACTIONS[action.op]
  if (!doer) throw new RuleFailure(`there is no action ${action.op}`)
  const items = itemsOf(action.loop, namesOf(found), work)
  const once = (names: Values) => doer.run(found, argsOf(doer, action.args, names, work), work)
  if (!items) return once(namesOf(found))
  for (const item of items) once({ ...namesOf(found), item })
}

/** What replacement fields may name. */
export function namesOf({ about, node, inventory, pluginData }: Found): Values {
  return { node: { ...about, ...node }, inventory, plugin_data: pluginData }
}

function set(root: Fields, path: readonly string[], { value }: Values): void {
  parentOf(root, path)[path.at(-1)!] = value ?? null
}

function extend(root: Fields, path: readonly string[], { value, unique }: Values, work: Work): void {
  const list = (parentOf(root, path)[path.at(-1)!] ??= [])
  if (!Array.isArray(list)) throw new RuleFailure(`${path.join('/')} is no list`)
  if (unique !== true || !isAmong(list, value, work)) list.push(value)
}

function isAmong(list: readonly unknown[], value: unknown, work: Work): boolean {
  const wanted = JSON.stringify(value)
  return list.some((each) => {
    const text = JSON.stringify(each)
    work.read(text.length)
    return text === wanted
  })
}

/** A root attribute becomes what it was before anybody set it. */
function remove(root: Fields, path: readonly string[]): void {
  if (path.length === 1 && Object.hasOwn(root, path[0]!)) root[path[0]!] = null
  else delete parentOf(root, path)[path.at(-1)!]
}

/** Objects on the way are made. */
function parentOf(root: Fields, path: readonly string[]): Fields {
  let parent = root
  for (const key of path.slice(0, -1)) {
    const next = (parent[key] ??= {})
    if (typeof next !== 'object' || Array.isArray(next)) throw new RuleFailure(`${path.join('/')} leads into no object`)
    parent = next as Fields
  }
  return parent
}

/** Both /a/b and a.b. */
function pathOf(path: unknown): string[] {
  const text = textOf(path)
  const keys = text.includes('/') ? text.replace(/^\//, '').split('/') : text.split('.')
  if (path === undefined || keys.some((key) => key === '' || key === '__proto__'))
    throw new RuleFailure(`${text} is no path`)
  return keys
}

function attributePath(root: Fields, path: unknown): string[] {
  const keys = pathOf(path)
  if (!Object.hasOwn(root, keys[0]!)) throw new RuleFailure(`there is no attribute ${keys[0]!} that a rule may change`)
  return keys
}

function setCapabilities(node: Fields, changes: Readonly<Record<string, string | null>>, work: Work): void {
  const properties = (node['properties'] ?? {}) as Fields
  work.read(textOf(properties['capabilities']).length)
  // Each is written again, as if by an action of its own.
  for (const _ of Object.keys(capabilitiesOf(properties))) work.begins()
  node['properties'] = { ...properties, capabilities: withCapabilities(properties, changes) }
}

const cut = (text: string): string => (text.length > MAX_LINE ? `${text.slice(0, MAX_LINE - 1)}…` : text)
