// The actions of inspection rules, each of which changes what was found in place.
import { capabilitiesOf } from '../../shared/capabilities.ts'
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
  /** What rules had to say. */
  readonly log: { level: string; message: string }[]
}

export type Action = Omit<Condition, 'multiple'>

interface Doer extends Signature {
  run(found: Found, args: Values): void
}

/** A change of what is at `path` below `root`, and what it takes beside the path. */
interface Change {
  readonly needs: readonly string[]
  readonly may: readonly string[]
  make(root: Fields, path: readonly string[], args: Values): void
}
const SET: Change = { needs: ['value'], may: [], make: set }
const EXTEND: Change = { needs: ['value'], may: ['unique'], make: extend }
const REMOVE: Change = { needs: [], may: [], make: remove }

const onNode = ({ needs, may, make }: Change): Doer => ({
  needs: ['path', ...needs],
  may,
  run: ({ node }, args) => make(node, attributePath(node, args['path']), args),
})
const onPort = ({ needs, may, make }: Change): Doer => ({
  needs: ['port_id', 'path', ...needs],
  may,
  run({ ports }, args) {
    const id = textOf(args['port_id']).toLowerCase()
    const port = ports.find(({ uuid, address }) => uuid === id || address === id)
    if (!port) throw new RuleFailure(`the node has no port ${id}`)
    make(port, attributePath(port, args['path']), args)
  },
})
const onPluginData = ({ needs, may, make }: Change): Doer => ({
  needs: ['path', ...needs],
  may,
  run: ({ pluginData }, args) => make(pluginData, pathOf(args['path']), args),
})

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
    run: ({ log }, { msg, level = 'info' }) => void log.push({ level: textOf(level), message: textOf(msg) }),
  },
  'set-attribute': onNode(SET),
  'extend-attribute': onNode(EXTEND),
  'del-attribute': onNode(REMOVE),
  'set-capability': {
    needs: ['name', 'value'],
    run: ({ node }, { name, value }) => setCapabilities(node, { [textOf(name)]: textOf(value) }),
  },
  'unset-capability': { needs: ['name'], run: ({ node }, { name }) => setCapabilities(node, { [textOf(name)]: null }) },
  'add-trait': { needs: ['name'], run: ({ traits }, { name }) => void traits.add(textOf(name)) },
  'remove-trait': { needs: ['name'], run: ({ traits }, { name }) => void traits.delete(textOf(name)) },
  'set-plugin-data': onPluginData(SET),
  'extend-plugin-data': onPluginData(EXTEND),
  'unset-plugin-data': onPluginData(REMOVE),
  'set-port-attribute': onPort(SET),
  'extend-port-attribute': onPort(EXTEND),
  'del-port-attribute': onPort(REMOVE),
}

/** Throws RuleFailure. */
export function act(action: Action, found: Found, work: Work): void {
  const doer = ACTIONS[action.op]
  if (!doer) throw new RuleFailure(`there is no action ${action.op}`)
  const items = itemsOf(action.loop, namesOf(found), work)
  if (!items) return doer.run(found, argsOf(doer, action.args, namesOf(found), work))
  for (const item of items) doer.run(found, argsOf(doer, action.args, { ...namesOf(found), item }, work))
}

/** What replacement fields may name. */
export function namesOf({ about, node, inventory, pluginData }: Found): Values {
  return { node: { ...about, ...node }, inventory, plugin_data: pluginData }
}

function set(root: Fields, path: readonly string[], { value }: Values): void {
  parentOf(root, path)[path.at(-1)!] = value ?? null
}

function extend(root: Fields, path: readonly string[], { value, unique }: Values): void {
  const parent = parentOf(root, path)
  const list = parent[path.at(-1)!] ?? []
  if (!Array.isArray(list)) throw new RuleFailure(`${path.join('/')} is no list`)
  const isThere = list.some((each) => JSON.stringify(each) === JSON.stringify(value))
  parent[path.at(-1)!] = unique === true && isThere ? list : [...(list as unknown[]), value]
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

/** They stay as they are written: text, or an object. */
function setCapabilities(node: Fields, changes: Readonly<Record<string, string | null>>): void {
  const properties = (node['properties'] ?? {}) as Fields
  const all = Object.entries({ ...capabilitiesOf(properties), ...changes }).filter(([, value]) => value !== null)
  const isObject = typeof properties['capabilities'] === 'object' && properties['capabilities'] !== null
  const capabilities = isObject ? Object.fromEntries(all) : all.map((pair) => pair.join(':')).join(',')
  node['properties'] = { ...properties, capabilities }
}
