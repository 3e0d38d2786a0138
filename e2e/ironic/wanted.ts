// Where Ferrule answers otherwise than Ironic 21.4 and means to. Each has a name and a reason; a difference that is none of these fails.
import type { Sent } from './requests.ts'

export interface Seen {
  readonly status: number
  readonly body: unknown
}

export interface Difference {
  readonly name: string
  readonly why: string
  /** Keys of answers that differ, and nothing else; without it the whole of the answer may. */
  readonly keys?: readonly string[]
  explains(sent: Sent, theirs: Seen, ours: Seen): boolean
}

const statuses = (theirs: number, ours: number) => (_sent: Sent, a: Seen, b: Seen) =>
  a.status === theirs && b.status === ours
const said = ({ body }: Seen) => JSON.stringify(body) ?? ''

export const WANTED: readonly Difference[] = [
  {
    name: 'next for gophercloud',
    why: 'gophercloud follows nodes_links and nothing else; `next` is there as well',
    keys: ['nodes_links', 'ports_links', 'next'],
    explains: (_sent, { status }) => status === 200,
  },
  {
    name: 'native resources',
    why: 'sites, tasks and events are ours; of Ironic’s only those are linked that are served',
    keys: ['sites', 'tasks', 'events', 'chassis', 'portgroups', 'volume', 'allocations', 'deploy_templates', 'shards'],
    explains: ({ path }) => path === '/v1',
  },
  {
    name: 'what fake hardware is',
    why: 'which interfaces and boot devices the driver for tests has is no matter of the API',
    keys: [
      'supported_boot_devices',
      'network',
      'bios',
      'console',
      'inspect',
      'raid',
      'rescue',
      'storage',
      'firmware',
      ...[
        'bios',
        'boot',
        'console',
        'deploy',
        'firmware',
        'inspect',
        'management',
        'network',
        'power',
        'raid',
        'rescue',
        'storage',
        'vendor',
      ].flatMap((name) => [`default_${name}_interface`, `enabled_${name}_interfaces`]),
    ],
    explains: ({ path }) => /boot_device\/supported|validate|\/drivers\//.test(path),
  },
  {
    name: 'the request first, then the node',
    why: 'what is wrong with a request itself is told before a node is looked for',
    explains: (_sent, a, b) => a.status === 404 && (b.status === 400 || b.status === 406),
  },
  {
    name: 'versions before names',
    why: 'an argument or field that the version does not have is 406 whatever else is wrong',
    explains: statuses(400, 406),
  },
  {
    name: 'names came with 1.5',
    why: 'below, a name is no identifier: 400; upstream says 406 on some paths',
    explains: ({ version }, a, b) => version < 5 && a.status === 406 && b.status === 400,
  },
  {
    name: 'filters of their version',
    why: 'a filter, or a field that a patch removes, that the version does not have is 406; upstream lets some through',
    explains: statuses(200, 406),
  },
  {
    name: 'detail on a detailed path',
    why: 'it is redundant and not wrong',
    explains: ({ path }, a, b) =>
      path.includes('/detail?') && a.status === 400 && b.status === 200 && said(a).includes('detail'),
  },
  {
    name: 'faults to look for',
    why: 'fault=none finds nodes without a fault, as newer releases do',
    explains: ({ path }, a, b) => path.includes('fault=') && a.status === 400 && b.status === 200,
  },
  {
    name: 'paths that are none',
    why: 'a path that does not exist is 404; upstream reads its last word as a field',
    explains: (_sent, a, b) =>
      a.status === 400 && b.status === 404 && said(b).includes('There is nothing at this path'),
  },
  {
    name: 'ports without a port group',
    why: 'a defect of 21.4: ports of a node are 404 when one of them has no port group',
    explains: ({ path }, a, b) =>
      path.endsWith('/ports') && a.status === 404 && b.status === 200 && said(a).includes('Portgroup None'),
  },
  {
    name: 'server errors',
    why: 'what upstream answers with 500 (unknown fields of a list, malformed bodies) is 400',
    explains: (_sent, a, b) => a.status === 500 && b.status === 400,
  },
]
