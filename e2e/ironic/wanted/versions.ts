// What a request's microversion does not have: here it is asked first, and of everything.
import { faultOf } from '../compare.ts'
import { weSaid, type Wanted } from '../wanted.ts'
import { ABSENT, at } from '../requests/sent.ts'
import {
  all,
  asksNewer,
  attributeSaid,
  isOfLater,
  setsNewer,
  weDislikeBody,
  weDislikeQuery,
  weMiss,
  weMissVersion,
} from './said.ts'

const status = /^status$/

export const VERSION_FIRST: readonly Wanted[] = [
  {
    name: 'sub-resources of a later version: another method',
    why: 'what the version does not have is not there: 404; upstream says 405 to PUT',
    method: /PUT/,
    path: /^\/v1\/nodes\/[^/]+\/traits/,
    at: status,
    status: [405, 404],
    when: weMissVersion,
    harmless: true,
    example: ({ names }) => [at('PUT', `/nodes/${names[0]}/traits/CUSTOM_A`, undefined, 36)],
  },
  {
    name: 'a later endpoint: another method',
    why: 'the methods of a path are told whatever the version is',
    path: /^\/v1\/[a-z_]+/,
    at: status,
    status: [404, 405],
    when: all(weSaid(/^Possible here: /), isOfLater),
    harmless: true,
    example: () => [at('DELETE', '/volume/connectors', undefined, 6)],
  },
  {
    name: 'two faults of a request: the version first',
    why: 'an argument or field that the version does not have is 406 whatever else is wrong',
    path: /^\/v1\/[a-z_]+/,
    at: status,
    harmless: true,
    when: all(({ theirs, ours }) => [400, 404, 409].includes(theirs.status) && ours.status === 406, weMissVersion), // prettier-ignore
    example: () => [at('GET', `/nodes?marker=${ABSENT}&project=x`, undefined, 40)],
  },
  {
    name: 'a later endpoint, whatever is sent',
    why: 'what the version does not have is not there',
    path: /^\/v1\/[a-z_]+/,
    at: status,
    status: [400, 404],
    harmless: true,
    when: weMissVersion,
    example: ({ nodes }) => [at('POST', '/portgroups', { node_uuid: nodes[0], extra: 1.5 }, 3)],
  },
  {
    name: 'two faults of a query: the version later',
    why: 'upstream looks at the version of a filter before its limits; both refuse',
    method: /GET/,
    path: /^\/v1\/[^?]+\?/,
    at: status,
    status: [406, 400],
    harmless: true,
    when: all(asksNewer, weDislikeQuery),
    example: () => [at('GET', '/nodes?limit=0&resource_class=x', undefined, 4)],
  },
  {
    name: 'two faults of a query: what it names before the version',
    why: 'both refuse',
    method: /GET/,
    path: /^\/v1\/[^?]+\?/,
    at: status,
    status: [406, 404],
    harmless: true,
    when: all(asksNewer, weMiss),
    example: () => [at('GET', `/nodes?chassis_uuid=${ABSENT}&sharded=true`, undefined, 81)],
  },
  {
    name: 'two faults of a body: the version later',
    why: 'the first attribute is told, whether its value or its version is wrong',
    method: /PATCH|POST/,
    path: /^\/v1\/[a-z_]+/,
    at: status,
    status: [406, 400],
    harmless: true,
    when: all(setsNewer, weDislikeBody),
    example: ({ ports }) => [
      at(
        'PATCH',
        `/ports/${ports[0]}`,
        [
          { op: 'add', path: '/address', value: null },
          { op: 'add', path: '/pxe_enabled', value: 7 },
        ],
        4,
      ),
    ],
  },
  {
    name: 'filters of a later version',
    why: 'a filter that the version does not have is 406; upstream lets these through',
    method: /GET/,
    path: /^\/v1\/nodes.*[?&](project|description_contains|retired|sharded)=/,
    at: status,
    status: [200, 406],
    harmless: true,
    when: weSaid(/^The filter (project|description_contains|retired|sharded) needs/),
    example: () => [at('GET', '/nodes?project=x', undefined, 64)],
  },
  {
    name: 'the port of a VIF came with 1.67',
    why: 'a request that sets what its version does not have is 406',
    method: /POST/,
    path: /^\/v1\/nodes\/[^/]+\/vifs$/,
    at: status,
    status: [204, 406],
    harmless: true,
    when: weSaid(/^Choosing the port of a VIF needs/),
    example: ({ names, ports }) => [at('POST', `/nodes/${names[0]}/vifs`, { id: ABSENT, port_uuid: ports[0] }, 34)],
  },
  {
    name: 'undeploy came with 1.73',
    why: 'as deploy did; upstream looks at deploy alone',
    method: /PUT/,
    path: /states\/provision$/,
    at: status,
    when: ({ ours, sent }) => sent.version < 73 && ours.status === 406 && /"undeploy"/.test(faultOf(ours.body)),
    example: ({ nodes }) => [at('PUT', `/nodes/${nodes[0]}/states/provision`, { target: 'undeploy' }, 66)],
  },
  {
    name: 'a field of a later version, with nothing in it',
    why: 'a request that names what its version does not have is 406; upstream takes null, and the group without a name',
    method: /POST/,
    path: /^\/v1\/nodes$/,
    at: status,
    status: [201, 406],
    when: (judged) => {
      const [name, body] = [attributeSaid(judged), judged.sent.body as Record<string, unknown>]
      return body[name] === (name === 'conductor_group' ? '' : null)
    },
    example: ({ fresh }) => [
      at('POST', '/nodes', { driver: 'fake-hardware', uuid: fresh[0], retired_reason: null }, 7),
    ],
  },
  {
    name: 'a field of a later version, removed',
    why: 'a request that names what its version does not have is 406',
    method: /PATCH/,
    path: /^\/v1\/[a-z_]+/,
    at: status,
    status: [200, 406],
    when: (judged) =>
      (judged.sent.body as { op?: unknown; path?: unknown }[]).some(
        ({ op, path }) => op === 'remove' && String(path).split('/')[1] === attributeSaid(judged),
      ),
    example: ({ names }) => [at('PATCH', `/nodes/${names[0]}`, [{ op: 'remove', path: '/lessee' }], 21)],
  },
]
