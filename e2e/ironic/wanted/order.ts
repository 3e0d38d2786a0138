// Both refuse, each for another of the faults of a request.
import { theySaid, weSaid, type Wanted } from '../wanted.ts'
import { ABSENT, at } from '../requests/sent.ts'
import { all, any, attributeSaid, theyDislikeQuery, theyMiss, weDislikeBody, weDislikeQuery, weMiss } from './said.ts'

export const BOTH_REFUSE: readonly Wanted[] = [
  {
    name: 'two faults of a request: its body, then the item that is not there',
    why: 'what is wrong with the request itself is told before anything is looked for',
    method: /PATCH|PUT|POST/,
    path: /^\/v1\/[a-z_]+\/[^?]+$/,
    status: [404, 400],
    harmless: true,
    when: all(theyMiss, weDislikeBody),
    example: () => [at('PATCH', `/volume/connectors/${ABSENT}`, [{ op: 'add', path: '/zzz', value: 1 }])],
  },
  {
    name: 'two faults of a request: its query, then the item that is not there',
    why: 'as with bodies',
    method: /GET/,
    path: /^\/v1\/[^?]+\?/,
    status: [404, 400],
    harmless: true,
    when: all(theyMiss, weDislikeQuery),
    example: ({ names }) => [at('GET', `/nodes/${names[0]}/volume/connectors?limit=0`)],
  },
  {
    name: 'a chassis by what is no UUID',
    why: 'it has no name: what is no UUID is none; upstream looks for it in a patch',
    method: /PATCH/,
    path: /^\/v1\/chassis\//,
    status: [404, 400],
    harmless: true,
    when: all(theyMiss, weSaid(/^Expected a UUID/)),
    example: () => [at('PATCH', '/chassis/absent', [{ op: 'add', path: '/description', value: 'x' }])],
  },
  {
    name: 'two faults of a request: the value first',
    why: 'the shape of a body is looked at before the state, or the other thing, that forbids it',
    method: /PATCH|POST/,
    path: /^\/v1\/[a-z_]+/,
    status: [409, 400],
    harmless: true,
    when: any(weDislikeBody, weSaid(/^(Driver \S+ has no \w+ interface |local_link_connection of a smart NIC needs )/)),
    rest: 'active',
    example: ({ names }) => [
      at('PATCH', `/nodes/${names[0]}`, [{ op: 'add', path: '/network_interface', value: 'x'.repeat(256) }]),
    ],
  },
  {
    name: 'two faults of a query: what is not there first',
    why: 'what the path, a filter or the marker names is looked for before the rest of the query is read',
    method: /GET/,
    path: /^\/v1\/[^?]+\?/,
    status: [400, 404],
    harmless: true,
    when: all(theyDislikeQuery, weMiss),
    example: () => [at('GET', '/ports?portgroup=zzz&marker=nope')],
  },
  {
    name: 'another method than the path has',
    why: 'what cannot be done at a path is 405 whatever is sent; upstream reads the body first',
    method: /POST|PATCH|PUT/,
    path: /^\/v1\/(nodes|ports)(\/[^/]+)?$/,
    status: [400, 405],
    harmless: true,
    when: weSaid(/^Possible here: /),
    example: () => [at('PATCH', '/nodes', [{}])],
  },
  {
    name: 'values that a later operation replaces or removes',
    why: 'each operation is checked, not only what comes out in the end',
    method: /PATCH/,
    path: /^\/v1\/[a-z_]+/,
    status: [200, 400],
    when: (judged) => {
      const paths = (judged.sent.body as { path?: unknown }[]).map(({ path }) => String(path))
      const root = attributeSaid(judged)
      return paths.at(-1) === `/${root}` && paths.slice(0, -1).some((path) => path.split('/')[1] === root)
    },
    example: ({ names }) => [
      at('PATCH', `/nodes/${names[0]}`, [
        { op: 'add', path: '/lessee', value: true },
        { op: 'add', path: '/lessee', value: 'x' },
      ]),
    ],
  },
  {
    name: 'two faults of a patch: the state first',
    why: 'a portgroup that is not there is not looked for where the state forbids the change anyway',
    method: /PATCH/,
    path: /^\/v1\/ports\//,
    status: [400, 409],
    harmless: true,
    when: all(theySaid(/^Portgroup \S+ could not be found/), weSaid(/ can not change portgroup while /)),
    rest: 'active',
    example: ({ ports }) => [
      at('PATCH', `/ports/${ports[0]}`, [{ op: 'add', path: '/portgroup_uuid', value: ABSENT }]),
    ],
  },
  {
    name: 'two faults of a patch: the state before what the other operations left',
    why: 'an attribute that was removed has its default, and whether it may be replaced is asked first',
    method: /PATCH/,
    path: /^\/v1\/ports\//,
    status: [400, 409],
    harmless: true,
    when: all(theySaid(/can't replace a non-existent object/), weSaid(/ can not change \w+ while /)),
    rest: 'active',
    example: ({ ports }) => [
      at('PATCH', `/ports/${ports[0]}`, [
        { op: 'remove', path: '/local_link_connection' },
        { op: 'replace', path: '/local_link_connection', value: { network_type: 'unmanaged' } },
      ]),
    ],
  },
  {
    name: 'two faults of a patch: a console that is on before a driver that is none',
    why: 'both refuse; here what the node is doing is looked at first',
    method: /PATCH/,
    path: /^\/v1\/nodes\//,
    status: [400, 409],
    when: all(theySaid(/which supports driver/), weSaid(/ can not change its driver while its console is on/)),
    harmless: true,
    example: ({ names }) => [
      at('PUT', `/nodes/${names[0]}/states/console`, { enabled: true }),
      at('PATCH', `/nodes/${names[0]}`, [{ op: 'replace', path: '/driver', value: 'zzz' }]),
    ],
  },
  {
    name: 'two faults of a verb: what does not go with it before what is newer',
    why: 'both refuse',
    method: /PUT/,
    path: /\/states\/provision$/,
    status: [406, 400],
    when: weSaid(/ is not possible with the target /),
    harmless: true,
    example: ({ names }) => [
      at(
        'PUT',
        `/nodes/${names[0]}/states/provision`,
        { target: 'adopt', clean_steps: [], deploy_steps: [{ interface: 'bios', step: 'a', args: {}, priority: 1 }] },
        35,
      ),
    ],
  },
  {
    name: 'two faults of a query: a field that cannot be sorted by, and is newer',
    why: 'both refuse; it can be sorted by at no version',
    method: /GET/,
    path: /[?&]sort_key=/,
    status: [406, 400],
    when: weSaid(/^The sort_key "\w+" cannot be sorted by/),
    harmless: true,
    example: () => [at('GET', '/nodes?sort_key=raid_config', undefined, 1)],
  },
  {
    name: 'two faults of a request: the node before the argument of a patch',
    why: 'both refuse',
    method: /PATCH/,
    path: /^\/v1\/nodes\/[^/]+\?reset_interfaces=/,
    status: [[400, 406], 404],
    harmless: true,
    when: weMiss,
    example: () => [
      at('PATCH', '/nodes/absent?reset_interfaces=True', [{ op: 'add', path: '/extra/a', value: 1 }], 16),
    ],
  },
  {
    name: 'two faults of a query: filters that exclude each other',
    why: 'both refuse; here before their values are looked at',
    method: /GET/,
    path: /^\/v1\/(ports|portgroups)/,
    status: [[400, 404, 406], 403],
    harmless: true,
    when: weSaid(/cannot be used together/),
    example: () => [at('GET', '/portgroups?address=zz&node=zzz')],
  },
]
