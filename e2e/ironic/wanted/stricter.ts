// What upstream takes and Ferrule refuses.
import { faultOf } from '../compare.ts'
import { weSaid, type Wanted } from '../wanted.ts'
import { ABSENT, at } from '../requests/sent.ts'
import { all, any, isOnHereAlone, ofNode, says, weMiss } from './said.ts'

export const STRICTER: readonly Wanted[] = [
  {
    name: 'VIFs: what is attached is known',
    why: 'upstream’s noop network takes any and forgets it; here a VIF belongs to a port, and an unknown one cannot be detached',
    method: /POST|DELETE/,
    path: /^\/v1\/nodes\/[^/]+\/vifs/,
    status: [204, 400],
    when: weSaid(
      /^(VIF .+ is not attached to |Node .+ has no (free port for VIF|port(group)?) |(port|portgroup)_uuid: Invalid |Either port_uuid or portgroup_uuid|Port(group)? .+ could not be found)/,
    ),
    harmless: true,
    example: ({ names }) => [at('DELETE', `/nodes/${names[0]}/vifs/vif-1`)],
  },
  {
    name: 'VIFs: each is attached once',
    why: 'upstream’s noop network takes it again and again; its others refuse it, as we do',
    method: /POST/,
    path: /^\/v1\/nodes\/[^/]+\/vifs$/,
    status: [204, 409],
    when: weSaid(/^VIF .+ is attached to port(group)? .+ already/),
    harmless: true,
    example: ({ names, ports }) => [
      at('POST', `/nodes/${names[0]}/vifs`, { id: ABSENT, port_uuid: ports[0] }),
      at('POST', `/nodes/${names[0]}/vifs`, { id: ABSENT, port_uuid: ports[0] }),
    ],
  },
  {
    name: 'volumes of a node that is not there',
    why: 'it is 404 as everything below an absent node',
    method: /GET/,
    path: /^\/v1\/nodes\/[^/]+\/volume$/,
    status: [200, 404],
    when: weMiss,
    harmless: true,
    example: () => [at('GET', `/nodes/${ABSENT}/volume`)],
  },
  {
    name: 'a console is on or off',
    why: 'null is neither; upstream takes it, and fails afterwards',
    method: /PUT/,
    path: /^\/v1\/nodes\/[^/]+\/states\/console$/,
    status: [202, 400],
    when: all(weSaid(/^enabled: /), ({ sent }) => says(sent, 'enabled', null)),
    example: ({ names }) => [at('PUT', `/nodes/${names[0]}/states/console`, { enabled: null })],
  },
  {
    name: 'boot modes are uefi and bios',
    why: 'as where they are changed; upstream takes any at creation',
    method: /POST/,
    path: /^\/v1\/nodes$/,
    status: [201, 400],
    when: weSaid(/^boot_mode: Invalid option/),
    example: ({ fresh }) => [at('POST', '/nodes', { driver: 'fake-hardware', uuid: fresh[0], boot_mode: 'zzz' })],
  },
  {
    name: 'an empty connector_id',
    why: 'nothing can be connected to it',
    method: /POST|PATCH/,
    path: /^\/v1\/volume\/connectors/,
    status: [[200, 201], 400],
    when: all(weSaid(/^connector_id: a text is needed/), ({ sent }) => says(sent, 'connector_id', '')),
    example: ({ nodes, fresh }) => [at('POST', '/volume/connectors', { node_uuid: nodes[0], type: 'ip', connector_id: '', uuid: fresh[0] })], // prettier-ignore
  },
  {
    name: 'what a volume is',
    why: 'a volume without a type or an identifier is none, and upstream’s own database holds 64 characters of the type',
    method: /POST|PATCH/,
    path: /^\/v1\/volume\/targets/,
    when: weSaid(/^volume_(type|id): (a text is needed|at most \d+ characters)/),
    status: [[200, 201], 400],
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
    when: weSaid(
      /^(connector_id|mode|name|description|owner|lessee|shard|(retired|protected)_reason): at most \d+ characters/,
    ),
    status: [[200, 201], 400],
    example: ({ portgroup }) => [
      at('PATCH', `/portgroups/${portgroup}`, [{ op: 'replace', path: '/mode', value: 'x'.repeat(300) }]),
    ],
  },
  {
    name: 'unknown fields of lists',
    why: 'they are named, as everywhere; upstream leaves them out',
    method: /GET/,
    path: /^\/v1\/(allocations|deploy_templates|ports|portgroups|volume|chassis|nodes\/[^/]+\/bios).*fields=/,
    status: [200, 400],
    when: ({ theirs, ours }) => {
      const field = /^(?:Field "(?=\w+" does not exist)|Unknown fields: )(\w+)/.exec(faultOf(ours.body))?.[1]
      return field !== undefined && !JSON.stringify(theirs.body).includes(`"${field}":`)
    },
    harmless: true,
    example: () => [at('GET', '/allocations?fields=nope')],
  },
  {
    name: 'types of connectors',
    why: 'those that drivers know, as the API reference of upstream lists them',
    method: /POST|PATCH/,
    path: /^\/v1\/volume\/connectors/,
    when: weSaid(/^type: Invalid option/),
    status: [[200, 201], 400],
    example: ({ nodes, fresh }) => [
      at('POST', '/volume/connectors', { node_uuid: nodes[0], type: 'zzz', connector_id: 'c-z', uuid: fresh[0] }),
    ],
  },
  {
    name: 'VIFs: a port that has one',
    why: 'is not deleted; upstream’s noop network forgot it',
    method: /DELETE/,
    path: /^\/v1\/(ports|portgroups)\//,
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
    when: weSaid(/^boot_index: Too small/),
    status: [[200, 201], 400],
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
    name: 'seconds are whole',
    why: 'a timeout of 1.5 s is none',
    method: /PUT/,
    path: /states\/power$/,
    status: [202, 400],
    when: all(weSaid(/^timeout: /), ({ sent }) => !Number.isInteger((sent.body as { timeout?: unknown }).timeout)),
    example: ({ names }) => [at('PUT', `/nodes/${names[0]}/states/power`, { target: 'power off', timeout: 1.5 })],
  },
  {
    name: 'an empty name, a mode of null',
    why: 'are none; what is left out has its default. A name is no word of a path',
    method: /POST|PATCH/,
    path: /^\/v1\/portgroups/,
    when: weSaid(/^(name: (this name is reserved|a name has 1 to)|mode: a text is needed)/),
    status: [[200, 201], 400],
    example: ({ nodes, fresh }) => [at('POST', '/portgroups', { node_uuid: nodes[0], uuid: fresh[0], name: '' })],
  },
  {
    name: 'filters that exclude each other',
    why: 'two ways to name a node are one too many; portgroups are those of a node or of an address, of which upstream drops the latter',
    method: /GET/,
    path: /^\/v1\/(ports\b.*[?&](node|node_uuid)=.*&(node|node_uuid)=|portgroups\b.*[?&](node|address)=.*&(node|address)=)/,
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
    status: [200, 409],
    when: any(
      all(
        weSaid(/standalone_ports_supported/),
        ofNode(({ ours }) => !ours.maintenance),
      ),
      weSaid(/which would be standalone/),
    ),
    rest: 'active',
    example: ({ portgroup }) => [
      at('PATCH', `/portgroups/${portgroup}`, [{ op: 'replace', path: '/standalone_ports_supported', value: false }]),
    ],
  },
  {
    name: 'a smart NIC that nobody finds',
    why: 'a port of one needs port_id and hostname; upstream asks its network service, and noop has none',
    method: /POST/,
    path: /^\/v1\/ports$/,
    status: [201, 400],
    when: weSaid(/^local_link_connection of a smart NIC needs /),
    example: ({ nodes, macs, fresh }) => [
      at('POST', '/ports', { address: macs[2], node_uuid: nodes[1], uuid: fresh[0], is_smartnic: true }),
    ],
  },
  {
    name: 'volumes of a deployed machine',
    why: 'it is on (see there), and volumes change while it is off',
    method: /PATCH/,
    path: /^\/v1\/volume\//,
    when: all(weSaid(/volume (connector|target) update/), ofNode(isOnHereAlone)),
    rest: 'active',
    status: [200, 400],
    example: ({ names, target }) => [
      at('PUT', `/nodes/${names[0]}/states/provision`, { target: 'rebuild' }),
      at('PATCH', `/volume/targets/${target}`, [{ op: 'add', path: '/extra/a', value: 1 }]),
    ],
  },
  {
    name: 'volumes of a deployed machine are not deleted',
    why: 'as they are not changed: it is on, where upstream’s fake machine still says off',
    method: /DELETE/,
    path: /^\/v1\/volume\//,
    status: [204, 400],
    when: all(
      weSaid(/^The requested action "volume (connector|target) deletion" can not be performed /),
      ofNode(isOnHereAlone),
    ),
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
    status: [200, 400],
    when: weSaid(/^steps\.\d+: Unrecognized key/),
    example: ({ template }) => [
      at('PATCH', `/deploy_templates/${template}`, [
        { op: 'replace', path: '/steps', value: [{ interface: 'bios', step: 'a', args: {}, priority: 10, zzz: 1 }] },
      ]),
    ],
  },
  {
    name: 'secure boot of a new node as a text that is no boolean',
    why: 'it is refused, as in every other place; upstream takes any text for true',
    method: /POST/,
    path: /^\/v1\/nodes$/,
    status: [201, 400],
    when: weSaid(/^secure_boot: expected a boolean/),
    example: ({ fresh }) => [at('POST', '/nodes', { driver: 'fake-hardware', uuid: fresh[1], secure_boot: 'zzz' })],
  },
]
