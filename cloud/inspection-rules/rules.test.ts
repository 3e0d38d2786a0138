// Inspection rules by table: conditions, actions, loops and their order.
import { RE2JS } from 're2js'
import { expect, it, vi } from 'vitest'
import type { Action, Found } from './actions.ts'
import type { Condition } from './conditions.ts'
import { applyRules, type Rule } from './rules.ts'

const PORT = { uuid: '0199a0b0-0000-7000-8000-000000000001', address: '52:54:00:00:00:01', extra: {} }
const newFound = (): Found => ({
  inventory: {
    cpu: { count: 8, flags: [] },
    system_vendor: { manufacturer: 'Dell Inc.' },
    bmc_address: '10.1.2.3',
    bmc_v6address: 'fd00::1:2',
    hostname: null,
  },
  about: { uuid: 'n1' },
  pluginData: { auto_discovered: true },
  node: { driver: 'redfish', name: null, extra: { list: ['a'] }, properties: { capabilities: 'boot_mode:uefi' } },
  traits: new Set(['CUSTOM_OLD']),
  ports: [structuredClone(PORT)],
  log: { lines: [], more: 0 },
})
const rule = (more: Partial<Rule>): Rule => ({ uuid: 'r1', priority: 0, conditions: [], actions: [], ...more })
const isMet = (condition: Condition) => {
  const found = newFound()
  const failure = applyRules(
    [rule({ conditions: [condition], actions: [{ op: 'add-trait', args: { name: 'CUSTOM_MET' } }] })],
    found,
  )
  return failure ?? found.traits.has('CUSTOM_MET')
}
const COUNT = '{inventory[cpu][count]}'
const MAKER = '{inventory[system_vendor][manufacturer]}'

it.each<[string, Condition, boolean | string]>([
  ['eq of a field and a number', { op: 'eq', args: { values: [COUNT, 8] } }, true],
  ['eq as a list of arguments', { op: 'eq', args: [['{node.driver}', 'redfish']] }, true],
  ['eq of three', { op: 'eq', args: { values: [8, 8, 9] } }, false],
  ['eq of a number and a boolean', { op: 'eq', args: { values: [1, true] } }, false],
  ['eq, forced to be text', { op: 'eq', args: { values: [true, 'True'], force_strings: true } }, true],
  ['eq, turned round', { op: '! eq', args: { values: [COUNT, 8] } }, false],
  ['lt by number, not by text', { op: 'lt', args: { values: [COUNT, 16] } }, true],
  ['lt as text', { op: 'lt', args: { values: [COUNT, 16], force_strings: true } }, false],
  ['lt in strict order', { op: 'lt', args: { values: [1, 2, 2] } }, false],
  ['gt', { op: 'gt', args: { values: [COUNT, 4, 1] } }, true],
  ['is-empty of a list', { op: 'is-empty', args: { value: '{inventory[cpu][flags]}' } }, true],
  ['is-empty of text', { op: 'is-empty', args: { value: MAKER } }, false],
  ['in-net', { op: 'in-net', args: { address: '{inventory[bmc_address]}', subnet: '10.1.0.0/16' } }, true],
  ['in-net outside', { op: 'in-net', args: { address: '10.2.0.1', subnet: '10.1.0.0/16' } }, false],
  ['in-net of IPv6', { op: 'in-net', args: { address: '{inventory[bmc_v6address]}', subnet: 'fd00::/64' } }, true],
  ['in-net of two families', { op: 'in-net', args: { address: 'fd00::1', subnet: '0.0.0.0/0' } }, false],
  ['in-net of nonsense', { op: 'in-net', args: { address: 'x', subnet: '10.1.0.0/16' } }, 'inspection rule r1: x or 10.1.0.0/16 is no IP address or network'], // prettier-ignore
  ['matches the whole', { op: 'matches', args: { value: MAKER, regex: 'Dell.*' } }, true],
  ['matches not a part', { op: 'matches', args: { value: MAKER, regex: 'Dell' } }, false],
  ['contains, in any case', { op: 'contains', args: { value: MAKER, regex: '(?i)DELL' } }, true],
  ['contains with a bad pattern', { op: 'contains', args: { value: MAKER, regex: '(' } }, 'inspection rule r1: ( is no regular expression: missing closing ): `(`'], // prettier-ignore
  ['one-of', { op: 'one-of', args: { value: COUNT, values: [4, 8] } }, true],
  ['one-of none', { op: 'one-of', args: { value: COUNT, values: [] } }, false],
  [
    'matches what takes a backtracking engine for ever',
    { op: 'matches', args: ['a'.repeat(50_000) + '!', '(a+)+'] },
    false,
  ],
  [
    'contains what takes a backtracking engine for ever',
    { op: 'contains', args: ['a'.repeat(50_000) + '!', '^(a|a)*$'] },
    false,
  ],
  [
    'a pattern that is too long',
    { op: 'contains', args: ['a', 'a'.repeat(1025)] },
    `inspection rule r1: ${'a'.repeat(100)} is no regular expression: it is longer than 1024 characters`,
  ],
  [
    'more than patterns may look at',
    { op: 'contains', args: ['{item}', '(a?){500}'], loop: Array(10).fill('b'.repeat(10_000)), multiple: 'all' },
    'inspection rule r1: the inspection rules have too much to do together',
  ],
  [
    'a pattern with a field',
    { op: 'matches', args: { value: MAKER, regex: '{inventory[system_vendor][manufacturer]}.?' } },
    true,
  ],
  ['without its pattern', { op: 'matches', args: { value: MAKER } }, 'inspection rule r1: needs regex'],
  ['one-of without a list', { op: 'one-of', args: { value: 1 } }, false],
  ['is-none', { op: 'is-none', args: { value: '{inventory[hostname]}' } }, true],
  ['is-true', { op: 'is-true', args: { value: '{plugin_data[auto_discovered]}' } }, true],
  ['is-true of zero', { op: 'is-true', args: { value: 0 } }, false],
  ['is-false of no', { op: 'is-false', args: { value: 'No' } }, true],
  ['eq of what no rule may change', { op: 'eq', args: { values: ['{node.uuid}', 'n1'] } }, true],
  ['a field that is not there stays text', { op: 'eq', args: { values: ['{inventory[x]}', '{inventory[x]}'] } }, true],
  ['a node is no dictionary', { op: 'eq', args: { values: ['{node[driver]}', 'redfish'] } }, false],
  ['no field is inherited', { op: 'contains', args: { value: '{inventory[constructor]}', regex: 'unction' } }, false],
  ['any of a loop', { op: 'eq', args: { values: [COUNT, '{item}'] }, loop: [4, 8, 16] }, true],
  ['all of a loop', { op: 'eq', args: { values: [COUNT, '{item}'] }, loop: [4, 8], multiple: 'all' }, false],
  ['the first of a loop that holds', { op: 'eq', args: { values: [COUNT, '{item}'] }, loop: [4, 8], multiple: 'first' }, true], // prettier-ignore
  ['the last of a loop', { op: 'eq', args: { values: [COUNT, '{item}'] }, loop: [8, 4], multiple: 'last' }, false],
  ['an object to loop over is one item', { op: 'eq', args: { values: [COUNT, '{item[n]}'] }, loop: { n: 8 } }, true],
])('condition: %s', (_name, condition, expected) => expect(isMet(condition)).toBe(expected))

const after = (...actions: Action[]) => {
  const found = newFound()
  const failure = applyRules([rule({ actions })], found)
  return { ...found, traits: [...found.traits], failure }
}
const capabilities = (text: string) => ({ node: { properties: { capabilities: text } } })
const extra = (value: unknown) => ({ node: { extra: value } })

it.each<[Action, object]>([
  [{ op: 'fail', args: { msg: 'only {inventory[cpu][count]} CPUs' } }, { failure: 'inspection rule r1: only 8 CPUs' }],
  [
    { op: 'log', args: { msg: 'seen {node.driver}' } },
    { log: { lines: [{ level: 'info', message: 'seen redfish' }] } },
  ],
  [{ op: 'set-attribute', args: { path: '/extra/a/b', value: COUNT } }, extra({ list: ['a'], a: { b: '8' } })],
  [{ op: 'set-attribute', args: ['extra.n', { deep: [COUNT, 1] }] }, extra({ list: ['a'], n: { deep: ['8', 1] } })],
  [{ op: 'set-attribute', args: { path: '/name', value: 'n1' } }, { node: { name: 'n1' } }],
  [{ op: 'set-attribute', args: { path: '/uuid', value: 'x' } }, { failure: 'inspection rule r1: there is no attribute uuid that a rule may change' }], // prettier-ignore
  [{ op: 'set-attribute', args: { path: '/extra/__proto__/a', value: 1 } }, { failure: 'inspection rule r1: /extra/__proto__/a is no path' }], // prettier-ignore
  [{ op: 'set-attribute', args: { path: '/extra/list/a', value: 1 } }, { failure: 'inspection rule r1: extra/list/a leads into no object' }], // prettier-ignore
  [{ op: 'set-attribute', args: { path: '{item[path]}', value: '{item[to]}' }, loop: [{ path: '/extra/x', to: COUNT }] }, extra({ list: ['a'], x: '8' })], // prettier-ignore
  [{ op: 'extend-attribute', args: { path: '/extra/list', value: 'a' } }, extra({ list: ['a', 'a'] })],
  [{ op: 'extend-attribute', args: { path: '/extra/list', value: 'a', unique: true } }, extra({ list: ['a'] })],
  [{ op: 'extend-attribute', args: { path: '/extra/new', value: '{item}' }, loop: ['x', 'y'] }, extra({ list: ['a'], new: ['x', 'y'] })], // prettier-ignore
  [
    { op: 'extend-attribute', args: { path: '/driver', value: 1 } },
    { failure: 'inspection rule r1: driver is no list' },
  ],
  [{ op: 'del-attribute', args: { path: '/extra/list' } }, extra({})],
  [{ op: 'del-attribute', args: { path: '/extra' } }, extra(null)],
  [{ op: 'set-capability', args: { name: 'a', value: 'b' } }, capabilities('boot_mode:uefi,a:b')],
  [{ op: 'unset-capability', args: { name: 'boot_mode' } }, capabilities('')],
  [{ op: 'add-trait', args: { name: 'CUSTOM_NEW' } }, { traits: ['CUSTOM_OLD', 'CUSTOM_NEW'] }],
  [{ op: 'remove-trait', args: ['CUSTOM_OLD'] }, { traits: [] }],
  [{ op: 'set-plugin-data', args: { path: 'a.b', value: 1 } }, { pluginData: { auto_discovered: true, a: { b: 1 } } }],
  [{ op: 'extend-plugin-data', args: { path: 'a', value: 1 } }, { pluginData: { auto_discovered: true, a: [1] } }],
  [{ op: 'unset-plugin-data', args: { path: 'auto_discovered' } }, { pluginData: {} }],
  [{ op: 'set-port-attribute', args: { port_id: '52:54:00:00:00:01', path: '/extra/a', value: 1 } }, { ports: [{ ...PORT, extra: { a: 1 } }] }], // prettier-ignore
  [{ op: 'extend-port-attribute', args: { port_id: PORT.uuid, path: '/extra/a', value: 1 } }, { ports: [{ ...PORT, extra: { a: [1] } }] }], // prettier-ignore
  [{ op: 'del-port-attribute', args: { port_id: PORT.uuid, path: '/extra/a' } }, { ports: [PORT] }],
  [{ op: 'set-port-attribute', args: { port_id: 'x', path: '/extra/a', value: 1 } }, { failure: 'inspection rule r1: the node has no port x' }], // prettier-ignore
])('action: %j', (action, expected) => expect(after(action)).toMatchObject(expected))

it.each<[string, Action, string]>([
  [
    'a text that doubles each time',
    { op: 'set-plugin-data', args: { path: 'a', value: '{plugin_data[a]}{plugin_data[a]}x' }, loop: Array(60).fill(1) },
    'a text of an inspection rule becomes too long',
  ],
  [
    'a text of many large fields',
    { op: 'log', args: { msg: '{inventory[text]}'.repeat(30_000) } },
    'a text of an inspection rule becomes too long',
  ],
  [
    'a list that grows and grows',
    { op: 'extend-plugin-data', args: { path: 'b', value: '{inventory[text]}' }, loop: Array(100_000).fill(1) },
    'the inspection rules have too much to do together',
  ],
])('no rule fills the memory of its hub: %s', (_what, action, message) => {
  const found = newFound()
  found.pluginData['a'] = 'x'
  const large = { ...found, inventory: { text: 'y'.repeat(500_000) } }
  expect(applyRules([rule({ actions: [action] })], large)).toBe(`inspection rule r1: ${message}`)
})

const TOO_MUCH = 'inspection rule r1: the inspection rules have too much to do together'
const times = (count: number) => Array<number>(count).fill(1)
const long = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`c${i}`, 'yes']))

it.each<[string, Partial<Rule>]>([
  [
    'loops that do nothing',
    { actions: Array.from({ length: 256 }, () => ({ op: 'remove-trait', args: ['X'], loop: times(400) })) },
  ],
  [
    'conditions without an end',
    {
      conditions: Array.from({ length: 256 }, (): Condition => ({
        op: 'eq',
        args: [[1, 1]],
        loop: times(400),
        multiple: 'all',
      })),
    },
  ],
  [
    'long lists to compare with',
    { conditions: [{ op: '!one-of', args: [2, times(20_000)], loop: times(400), multiple: 'all' }] },
  ],
  [
    'long texts without fields',
    { conditions: [{ op: '!eq', args: [['x'.repeat(200_000), 'y']], loop: times(400), multiple: 'all' }] },
  ],
  [
    'a list that has each of its items once',
    { actions: [{ op: 'extend-plugin-data', args: ['a', '{item}', true], loop: [...times(20_000).keys()] }] },
  ],
  [
    'a large object among many others',
    { conditions: [{ op: 'one-of', args: [times(2_000), times(20_000).map(() => [1])] }] },
  ],
  [
    'a capability that is a long text',
    {
      actions: [
        { op: 'set-attribute', args: ['/properties', { capabilities: `k:${'x'.repeat(300_000)}` }] },
        { op: 'set-capability', args: ['a', 'b'], loop: times(400) },
      ],
    },
  ],
  [
    'capabilities that are written again and again',
    {
      actions: [
        { op: 'set-attribute', args: ['/properties', { capabilities: long }] },
        { op: 'set-capability', args: ['a', 'b'], loop: times(400) },
      ],
    },
  ],
])('what rules do without putting anything in is counted, too: %s', (_what, more) =>
  expect(applyRules([rule(more)], newFound())).toBe(TOO_MUCH),
)

it('a pattern is compiled once, however often it is looked at', () => {
  const compiled = vi.spyOn(RE2JS, 'compile')
  const condition: Condition = { op: '!matches', args: ['', '(a?b?){20}x'], loop: times(400), multiple: 'all' }
  expect(isMet(condition)).toBe(true)
  expect(compiled).toHaveBeenCalledTimes(1)
  compiled.mockRestore()
})

it('a list is compared with what is new only where each item is to be there once', () => {
  const found = newFound()
  const list = { op: 'extend-plugin-data', args: ['a', '{item}'], loop: [...times(12_000).keys()] }
  expect(applyRules([rule({ actions: [list] })], found)).toBeUndefined()
  expect(found.pluginData['a']).toHaveLength(12_000)
})

it('of what rules have to say, a hundred lines are kept', () => {
  const found = newFound()
  const said: Action = { op: 'log', args: { msg: '{item}' }, loop: [...times(250).keys()] }
  expect(
    applyRules([rule({ actions: [said, { op: 'log', args: { msg: 'z'.repeat(5_000) } }] })], found),
  ).toBeUndefined()
  expect([found.log.lines.length, found.log.lines.at(-1)!.message, found.log.more]).toEqual([100, '99', 151])
})

it('a line is cut where it becomes too long for a timeline', () => {
  const found = newFound()
  applyRules([rule({ actions: [{ op: 'log', args: { msg: 'z'.repeat(5_000) } }] })], found)
  expect(found.log.lines).toEqual([{ level: 'info', message: `${'z'.repeat(1_999)}…` }])
})

it('capabilities that are an object stay one', () => {
  const found = newFound()
  found.node['properties'] = { capabilities: { a: '1' } }
  applyRules([rule({ actions: [{ op: 'set-capability', args: { name: 'b', value: 2 } }] })], found)
  expect(found.node['properties']).toEqual({ capabilities: { a: '1', b: '2' } })
})

it('the highest priority goes first, each sees what was done before, and none follows a failure', () => {
  const found = newFound()
  const note = (value: string): Action => ({ op: 'extend-attribute', args: { path: '/extra/list', value } })
  const failure = applyRules(
    [
      rule({ priority: -5, actions: [note('never')] }),
      rule({ priority: 1, actions: [{ op: 'fail', args: { msg: 'enough' } }, note('never')] }),
      rule({ priority: 10, actions: [note('second')], conditions: [{ op: 'contains', args: ['{node.extra[list]}', 'first'] }] }), // prettier-ignore
      rule({ priority: 90, actions: [note('first')] }),
      rule({ priority: 50, actions: [note('no')], conditions: [{ op: 'eq', args: [[1, 1]] }, { op: 'eq', args: [[1, 2]] }] }), // prettier-ignore
    ],
    found,
  )
  expect([found.node['extra'], failure]).toEqual([{ list: ['a', 'first', 'second'] }, 'inspection rule r1: enough'])
})

it('what was put in is not looked at again', () => {
  const found = { ...newFound(), inventory: { evil: '{node.driver}' } }
  applyRules([rule({ actions: [{ op: 'log', args: { msg: '{item} {{x}}' }, loop: ['{inventory[evil]}'] }] })], found)
  expect(found.log.lines).toEqual([{ level: 'info', message: '{node.driver} {x}' }])
})
