// What upstream takes and Ferrule refuses.
import { faultOf } from '../compare.ts'
import { weSaid, type Wanted } from '../wanted.ts'
import { ABSENT, at } from '../requests/sent.ts'

const status = /^status$/

export const STRICTER: readonly Wanted[] = [
  {
    name: 'VIFs: what is attached is known',
    why: 'upstream’s noop network takes any and forgets it; here a VIF belongs to a port, and an unknown one cannot be detached',
    method: /POST|DELETE/,
    path: /^\/v1\/nodes\/[^/]+\/vifs/,
    at: status,
    status: [204, 400],
    harmless: true,
    example: ({ names }) => [at('DELETE', `/nodes/${names[0]}/vifs/vif-1`)],
  },
  {
    name: 'volumes of a node that is not there',
    why: 'it is 404 as everything below an absent node',
    method: /GET/,
    path: /^\/v1\/nodes\/[^/]+\/volume$/,
    at: status,
    status: [200, 404],
    harmless: true,
    example: () => [at('GET', `/nodes/${ABSENT}/volume`)],
  },
  {
    name: 'an empty connector_id',
    why: 'nothing can be connected to it',
    method: /POST/,
    path: /^\/v1\/volume\/connectors/,
    at: status,
    status: [201, 400],
    when: weSaid(/connector_id/),
    example: ({ nodes, fresh }) => [at('POST', '/volume/connectors', { node_uuid: nodes[0], type: 'ip', connector_id: '', uuid: fresh[0] })], // prettier-ignore
  },
  {
    name: 'what a volume is',
    why: 'a volume without a type or an identifier is none, and upstream’s own database holds 64 characters of the type',
    method: /POST|PATCH/,
    path: /^\/v1\/volume\/targets/,
    at: status,
    when: ({ ours, theirs }) =>
      (theirs.status === 201 || theirs.status === 200) && /volume_type|volume_id/.test(faultOf(ours.body)),
    example: ({ nodes, fresh }) => [
      at('POST', '/volume/targets', {
        node_uuid: nodes[0],
        volume_type: '',
        volume_id: 'v',
        boot_index: 7,
        uuid: fresh[0],
      }),
    ],
  },
  {
    name: 'lengths that a database holds',
    why: 'upstream’s SQLite takes what its MySQL refuses: 255 characters of a mode, 255 of a name',
    method: /POST|PATCH/,
    path: /^\/v1\//,
    at: status,
    when: ({ ours, theirs }) =>
      theirs.status < 300 && ours.status === 400 && /at most \d+ characters/.test(faultOf(ours.body)),
    example: ({ portgroup }) => [
      at('PATCH', `/portgroups/${portgroup}`, [{ op: 'replace', path: '/mode', value: 'x'.repeat(300) }]),
    ],
  },
  {
    name: 'unknown fields of lists',
    why: 'they are named, as everywhere; upstream leaves them out',
    method: /GET/,
    path: /^\/v1\/(allocations|deploy_templates|ports|portgroups|volume|chassis).*fields=/,
    at: status,
    status: [200, 400],
    harmless: true,
    example: () => [at('GET', '/allocations?fields=nope')],
  },
  {
    name: 'types of connectors',
    why: 'those that drivers know, as the API reference of upstream lists them',
    method: /POST|PATCH/,
    path: /^\/v1\/volume\/connectors/,
    at: status,
    when: ({ ours, theirs }) =>
      theirs.status < 300 && ours.status === 400 && /type: Invalid option/.test(faultOf(ours.body)),
    example: ({ nodes, fresh }) => [
      at('POST', '/volume/connectors', { node_uuid: nodes[0], type: 'zzz', connector_id: 'c-z', uuid: fresh[0] }),
    ],
  },
  {
    name: 'VIFs: a port that has one',
    why: 'is not deleted; upstream’s noop network forgot it',
    method: /DELETE/,
    path: /^\/v1\/(ports|portgroups)\//,
    at: status,
    status: [204, 409],
    when: weSaid(/has VIF/),
    example: ({ names, ports }) => [
      at('POST', `/nodes/${names[0]}/vifs`, { id: ABSENT, port_uuid: ports[0] }),
      at('DELETE', `/ports/${ports[0]}`),
    ],
  },
  {
    name: 'a boot index below zero',
    why: 'there is no such place in the order',
    method: /POST|PATCH/,
    path: /^\/v1\/volume\/targets/,
    at: status,
    when: ({ ours, theirs }) => theirs.status < 300 && /boot_index/.test(faultOf(ours.body)),
    example: ({ nodes, fresh }) => [
      at('POST', '/volume/targets', {
        node_uuid: nodes[0],
        volume_type: 'iscsi',
        volume_id: 'v',
        boot_index: -1,
        uuid: fresh[0],
      }),
    ],
  },
  {
    name: 'priorities are numbers',
    why: 'a text of digits is none; the API reference of upstream says so, too',
    method: /POST|PATCH/,
    path: /^\/v1\/deploy_templates/,
    at: status,
    when: ({ ours, theirs }) => theirs.status < 300 && ours.status === 400 && /priority/.test(faultOf(ours.body)),
    example: ({ trait, fresh }) => [
      at('POST', '/deploy_templates', {
        name: `${trait}_2`,
        steps: [{ interface: 'bios', step: 'a', args: {}, priority: '5' }],
        uuid: fresh[0],
      }),
    ],
  },
  {
    name: 'seconds are whole',
    why: 'a timeout of 1.5 s is none',
    method: /PUT/,
    path: /states\/power$/,
    at: status,
    status: [202, 400],
    when: weSaid(/timeout/),
    example: ({ names }) => [at('PUT', `/nodes/${names[0]}/states/power`, { target: 'power off', timeout: 1.5 })],
  },
  {
    name: 'an empty name, a mode of null',
    why: 'are none; what is left out has its default',
    method: /POST|PATCH/,
    path: /^\/v1\/portgroups/,
    at: status,
    when: ({ ours, theirs }) => theirs.status < 300 && ours.status === 400 && /^(name|mode):/.test(faultOf(ours.body)),
    example: ({ nodes, fresh }) => [at('POST', '/portgroups', { node_uuid: nodes[0], uuid: fresh[0], name: '' })],
  },
  {
    name: 'an empty connector_id in a patch',
    why: 'as at creation',
    method: /PATCH/,
    path: /^\/v1\/volume\/connectors/,
    at: status,
    status: [200, 400],
    when: weSaid(/connector_id/),
    example: ({ connector }) => [
      at('PATCH', `/volume/connectors/${connector}`, [{ op: 'add', path: '/connector_id', value: '' }]),
    ],
  },
  {
    name: 'filters that exclude each other',
    why: 'two ways to name a node are one too many; portgroups are those of a node or of an address, of which upstream drops the latter',
    method: /GET/,
    path: /^\/v1\/(ports\b.*[?&](node|node_uuid)=.*&(node|node_uuid)=|portgroups\b.*[?&](node|address)=.*&(node|address)=)/,
    at: status,
    status: [200, 403],
    harmless: true,
    when: weSaid(/cannot be used together/),
    example: ({ nodes }) => [at('GET', `/ports?node=${nodes[1]}&node_uuid=${nodes[0]}`)],
  },
  {
    name: 'what ports of a portgroup may do',
    why: 'is connectivity, and changes in some states only; upstream asks its network service, and noop has none',
    method: /PATCH/,
    path: /^\/v1\/portgroups\//,
    at: status,
    status: [200, 409],
    when: weSaid(/standalone_ports_supported/),
    rest: 'active',
    example: ({ portgroup }) => [
      at('PATCH', `/portgroups/${portgroup}`, [{ op: 'replace', path: '/standalone_ports_supported', value: false }]),
    ],
  },
  {
    name: 'volumes of a deployed machine',
    why: 'it is on (see there), and volumes change while it is off',
    method: /PATCH/,
    path: /^\/v1\/volume\//,
    at: status,
    when: ({ ours, theirs }) => theirs.status < 300 && /powered off only/.test(faultOf(ours.body)),
    rest: 'active',
    example: ({ names, target }) => [
      at('PUT', `/nodes/${names[0]}/states/provision`, { target: 'rebuild' }),
      at('PATCH', `/volume/targets/${target}`, [{ op: 'add', path: '/extra/a', value: 1 }]),
    ],
  },
  {
    name: 'volumes of a deployed machine are not deleted',
    why: 'as they are not changed: it is on, where upstream’s fake machine still says off. Both forbid it where the machine is on',
    method: /DELETE/,
    path: /^\/v1\/volume\//,
    at: status,
    status: [204, 400],
    when: weSaid(/can not be deleted in state "[\w -]+" while it is powered on/),
    rest: 'rescue',
    example: ({ names, target }) => [
      at('PUT', `/nodes/${names[0]}/states/provision`, { target: 'rescue', rescue_password: 'p' }),
      at('DELETE', `/volume/targets/${target}`),
    ],
  },
  {
    name: 'a patch of steps',
    why: 'is checked as at creation; upstream takes unknown keys there',
    method: /PATCH/,
    path: /^\/v1\/deploy_templates/,
    at: status,
    status: [200, 400],
    when: weSaid(/^steps/),
    example: ({ template }) => [
      at('PATCH', `/deploy_templates/${template}`, [
        { op: 'replace', path: '/steps', value: [{ interface: 'bios', step: 'a', args: {}, priority: 10, zzz: 1 }] },
      ]),
    ],
  },
]
