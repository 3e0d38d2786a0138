// Requests about everything beside nodes: ports, portgroups, volumes, chassis, allocations, deploy templates, drivers, conductors, events.
import fc from 'fast-check'
import { ABSENT, dict, fieldsOf, identOf, lists, of, patchOf, queryOf, value, type Sent, type Things } from './sent.ts'

const PAGE = {
  limit: ['1', '2', '0', 'x'],
  // Not by uuid: each server gives its own to what is made without one.
  sort_key: ['zzz', 'created_at', 'extra', 'id'],
  sort_dir: ['asc', 'desc', 'up'],
  detail: ['True', 'false', 'maybe'],
  zzz: ['1'],
}

/** Some keys of a body, those of `needed` nearly always. */
function body(needed: Record<string, fc.Arbitrary<unknown>>, more: Record<string, fc.Arbitrary<unknown>>) {
  const some = fc
    .subarray(Object.entries(more), { maxLength: 2 })
    .chain((chosen) => fc.record(Object.fromEntries(chosen) as Record<string, fc.Arbitrary<unknown>>))
  const all = fc.oneof(
    { weight: 7, arbitrary: fc.record(needed) },
    { weight: 1, arbitrary: fc.record(needed, { requiredKeys: [] }) },
  )
  return fc.tuple(all, some).map(([a, b]) => ({ ...a, ...b }))
}

const uuidsOf = (things: Things) =>
  fc.oneof({ weight: 8, arbitrary: fc.constantFrom<unknown>(...things.fresh) }, { weight: 1, arbitrary: fc.constantFrom<unknown>('zzz', 7, null) }) // prettier-ignore
const nodeIn = ({ nodes }: Things) =>
  fc.oneof({ weight: 6, arbitrary: fc.constantFrom<unknown>(...nodes) }, { weight: 1, arbitrary: fc.constantFrom<unknown>(ABSENT, 'zzz', null, 7) }) // prettier-ignore

interface Kind {
  readonly path: string
  readonly idents: readonly string[]
  readonly filters: Readonly<Record<string, readonly string[]>>
  readonly body: fc.Arbitrary<unknown>
  readonly patch: fc.Arbitrary<unknown>
  /** Lists of …/detail, and things below one of it. */
  readonly below?: readonly string[]
}

const connection = fc.constantFrom<unknown>({}, { switch_id: 'aa:bb:cc:00:11:22', port_id: 'Eth1' }, { switch_id: 'zz', port_id: 'x' }, { port_id: 'x' }, { port_id: 'x', hostname: 'h' }, { network_type: 'unmanaged' }, { network_type: 'zzz' }, { zzz: 1 }, [], 7, null) // prettier-ignore

function kinds(things: Things): readonly Kind[] {
  const [uuid, node] = [uuidsOf(things), nodeIn(things)]
  const address = fc.constantFrom<unknown>(...things.macs, things.macs[2].toUpperCase(), 'zz', 7, null)
  return [
    {
      path: '/ports',
      idents: things.ports,
      filters: { address: [things.macs[0], 'zz'], node: [things.names[0], things.nodes[1], ABSENT, 'zzz'], node_uuid: [things.nodes[0], 'zzz'], portgroup: [things.portgroup, 'zzz'], shard: ['x', 'a,x'] }, // prettier-ignore
      body: body({ address, node_uuid: node, uuid }, { extra: fc.oneof(dict, value), pxe_enabled: value, local_link_connection: connection, physical_network: value, portgroup_uuid: fc.constantFrom<unknown>(things.portgroup, ABSENT, 'zzz'), is_smartnic: fc.constantFrom<unknown>(false, true, null, 'x'), zzz: value }), // prettier-ignore
      patch: fc.oneof(
        patchOf(['/extra', '/extra/a', '/pxe_enabled', '/physical_network', '/is_smartnic', '/node_uuid', '/uuid', '/internal_info', '/local_link_connection/port_id', '/portgroup_uuid', '/address']), // prettier-ignore
        patchOf(['/address'], fc.constantFrom(...things.macs)),
        patchOf(['/local_link_connection'], connection),
        patchOf(['/portgroup_uuid', '/node_uuid'], fc.constantFrom(things.portgroup, things.nodes[1], ABSENT)),
      ),
    },
    {
      path: '/portgroups',
      idents: [things.portgroup, `g-${things.names[0]}`],
      filters: { address: [things.macs[1], 'zz'], node: [things.names[0], ABSENT, 'zzz'] },
      body: body({ node_uuid: node, uuid }, { address, name: fc.constantFrom<unknown>('g-new', `g-${things.names[0]}`, 'bad name', '', 7, 'detail'), extra: fc.oneof(dict, value), mode: value, properties: fc.oneof(dict, value), standalone_ports_supported: value, zzz: value }), // prettier-ignore
      patch: patchOf(['/extra', '/extra/a', '/mode', '/properties', '/name', '/standalone_ports_supported', '/address', '/node_uuid', '/uuid', '/internal_info']), // prettier-ignore
      below: ['/ports', '/ports/detail', '/zzz'],
    },
    {
      path: '/volume/connectors',
      idents: [things.connector],
      filters: { node: [things.names[0], ABSENT, 'zzz'] },
      body: body({ node_uuid: node, type: fc.constantFrom<unknown>('iqn', 'ip', 'mac', 'wwnn', 'wwpn', 'zzz', 7), connector_id: fc.constantFrom<unknown>('c-1', `c-${things.names[0]}`, '', 7), uuid }, { extra: fc.oneof(dict, value), zzz: value }), // prettier-ignore
      patch: patchOf(['/extra', '/extra/a', '/type', '/connector_id', '/node_uuid', '/uuid']),
    },
    {
      path: '/volume/targets',
      idents: [things.target],
      filters: { node: [things.names[0], ABSENT, 'zzz'] },
      body: body({ node_uuid: node, volume_type: fc.constantFrom<unknown>('iscsi', 'fibre_channel', 'zzz', '', 7), volume_id: fc.constantFrom<unknown>('v-1', '', 7), boot_index: fc.constantFrom<unknown>(0, 1, 2, -1, '3', 'x', 1.5), uuid }, { properties: fc.constantFrom<unknown>({ target_iqn: 'x', auth_password: 'p' }, {}, 7, null), extra: fc.oneof(dict, value), zzz: value }), // prettier-ignore
      patch: patchOf(['/extra', '/extra/a', '/volume_type', '/volume_id', '/boot_index', '/properties', '/properties/a', '/node_uuid', '/uuid']), // prettier-ignore
    },
    {
      path: '/chassis',
      idents: [things.chassis],
      filters: {},
      body: body({ uuid }, { description: value, extra: fc.oneof(dict, value), zzz: value }),
      patch: patchOf(['/extra', '/extra/a', '/description', '/uuid', '/nodes']),
      below: ['/nodes', '/nodes?detail=True', '/nodes/detail', '/zzz'],
    },
    {
      path: '/deploy_templates',
      idents: [things.template, things.trait],
      filters: {},
      body: body(
        { name: fc.constantFrom<unknown>(`${things.trait}_2`, things.trait, 'bad', 'HW_CPU_X86_VMX', 7, ''), steps: templateSteps, uuid }, // prettier-ignore
        { extra: fc.oneof(dict, value), zzz: value },
      ),
      patch: fc.oneof(patchOf(['/extra', '/extra/a', '/name', '/steps', '/uuid', '/steps/0', '/steps/0/priority']), patchOf(['/steps'], templateSteps), patchOf(['/name'], fc.constant(`${things.trait}_3`))), // prettier-ignore
    },
  ]
}

const step = (more: object) => ({ interface: 'bios', step: 'a', args: {}, priority: 10, ...more })
const templateSteps = fc.constantFrom<unknown>([step({})], [step({ args: { a: 1 } }), step({ step: 'b' })], [], [step({ priority: -1 })], [step({ priority: 'x' })], [step({ interface: 'zzz' })], [step({ zzz: 1 })], [step({}), step({})], 7, null, [{}], [step({ priority: '5' })], [step({ priority: 1.5 })]) // prettier-ignore

export function otherRequests(things: Things): fc.WeightedArbitrary<Sent>[] {
  const each = kinds(things).flatMap(({ path, idents, filters, body, patch, below }) => {
    const fields = fieldsOf(path.slice(1))
    const ident = identOf(...idents)
    const one = ident.map((text) => `${path}/${text}`)
    const query = queryOf({ ...PAGE, ...filters, fields: lists(fields), marker: [idents[0]!, ABSENT, 'nope'] })
    const children = below ?? ['/zzz']
    const page = queryOf({ limit: ['1', '0'], sort_key: ['id', 'zzz'], detail: ['True'], fields: lists(['uuid', 'extra']), zzz: ['1'] }) // prettier-ignore
    return [
      { weight: 3, arbitrary: of('GET', fc.tuple(fc.constantFrom(path, path, `${path}/detail`), query).map(([a, b]) => a + b)) }, // prettier-ignore
      { weight: 2, arbitrary: of('GET', fc.tuple(one, queryOf({ fields: lists(fields), zzz: ['1'] }, 1)).map(([a, b]) => a + b)) }, // prettier-ignore
      {
        weight: 1,
        arbitrary: of(
          'GET',
          fc.tuple(one, fc.constantFrom(...children), page).map(([a, b, c]) => a + b + (b.includes('?') ? '' : c)),
        ),
      },
      { weight: 3, arbitrary: of('POST', path, body) },
      { weight: 1, arbitrary: fc.constantFrom('PUT', 'PATCH', 'DELETE').chain((method) => of(method, fc.constantFrom(path, `${path}/detail`), fc.constant(method === 'DELETE' ? undefined : {}))) }, // prettier-ignore
      { weight: 3, arbitrary: of('PATCH', one, patch) },
      {
        weight: 1,
        arbitrary: of(
          'DELETE',
          identOf(...idents, ...things.fresh).map((text) => `${path}/${text}`),
        ),
      },
    ]
  })
  const fitting = { name: fc.constantFrom<unknown>('al-1', 'bad name', 7, null), resource_class: fc.constantFrom<unknown>('x', 'nobody', '', 7) } // prettier-ignore
  const allocation = body({ ...fitting, uuid: uuidsOf(things) }, { extra: fc.oneof(dict, value), traits: fc.constantFrom<unknown>([], ['CUSTOM_A'], ['bad'], 7), candidate_nodes: fc.constantFrom<unknown>([], [things.names[0]], ['absent'], 7), owner: value, node: fc.constantFrom<unknown>(things.names[0], 'absent', 7), zzz: value }) // prettier-ignore
  // Of a node that is named: one that has its instance already, too (1.58).
  const backfill = fc.record({ node: fc.constantFrom<unknown>(...things.nodes, ...things.names, ABSENT), uuid: uuidsOf(things), resource_class: fc.constantFrom<unknown>('x', 'nobody'), candidate_nodes: fc.constantFrom<unknown>([things.names[0]], [things.nodes[1]]), traits: fc.constantFrom<unknown>([], ['CUSTOM_A']) }, { requiredKeys: ['node', 'uuid'] }) // prettier-ignore
  const chosen = fc.record({ resource_class: fc.constant('x'), uuid: uuidsOf(things), candidate_nodes: fc.constantFrom<unknown>([things.names[0]], [...things.nodes], [things.names[1]], [ABSENT]), traits: fc.constantFrom<unknown>([], ['CUSTOM_A'], [things.trait]), name: fc.constantFrom('al-1', 'al-2') }, { requiredKeys: ['resource_class', 'uuid'] }) // prettier-ignore
  const allocations = identOf(things.allocation, 'al-1', ...things.fresh).map((text) => `/allocations/${text}`)
  const query = queryOf({ ...PAGE, fields: lists(fieldsOf('allocations')), node: [things.names[0], 'absent'], resource_class: ['x'], state: ['active', 'error', 'zzz'], owner: ['x'], marker: [ABSENT, 'nope'] }) // prettier-ignore
  return [
    ...each,
    { weight: 2, arbitrary: of('POST', '/allocations', fc.oneof(allocation, backfill, chosen)) },
    {
      weight: 1,
      arbitrary: of(
        'GET',
        query.map((text) => `/allocations${text}`),
      ),
    },
    { weight: 1, arbitrary: of('GET', fc.tuple(allocations, queryOf({ fields: lists(fieldsOf('allocations')), zzz: ['1'] })).map(([a, b]) => a + b)) }, // prettier-ignore
    { weight: 1, arbitrary: of('PATCH', allocations, patchOf(['/extra', '/extra/a', '/name', '/state', '/uuid'])) },
    { weight: 1, arbitrary: of('DELETE', allocations) },
    { weight: 2, arbitrary: of('GET', fc.constantFrom('/drivers', '/drivers?type=classic', '/drivers?type=dynamic', '/drivers?type=zzz', '/drivers/zzz', '/drivers/fake-hardware', '/drivers?detail=maybe', '/drivers?detail=true', '/drivers?zzz=1', '/drivers?fields=name', '/drivers?fields=nope', '/drivers/fake-hardware?fields=name,hosts', '/drivers/fake-hardware/properties', '/drivers/zzz/properties', '/drivers/fake-hardware/raid/logical_disk_properties', '/drivers/fake-hardware/vendor_passthru/methods', '/drivers/fake-hardware/zzz', '/drivers/fake-hardware/vendor_passthru/zzz', '/drivers/zzz/vendor_passthru/methods', '/drivers/zzz/raid/logical_disk_properties', '/drivers/fake-hardware/properties?zzz=1')) }, // prettier-ignore
    { weight: 1, arbitrary: fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE').chain((method) => of(method, fc.constantFrom('/drivers/fake-hardware/vendor_passthru/zzz', '/drivers/fake-hardware/vendor_passthru?method=zzz', '/drivers/fake-hardware/vendor_passthru', '/drivers/zzz/vendor_passthru/zzz'), fc.constantFrom<unknown>(method === 'GET' || method === 'DELETE' ? undefined : {}))) }, // prettier-ignore
    { weight: 1, arbitrary: of('GET', fc.constantFrom('/conductors', '/conductors?detail=true', '/conductors/zzz', '/conductors?zzz=1', '/conductors?fields=hostname', '/conductors?fields=nope', '/conductors?limit=1', '/conductors?marker=zzz', '/conductors?sort_key=hostname', '/conductors?sort_key=zzz')) }, // prettier-ignore
    { weight: 1, arbitrary: of('GET', fc.constantFrom('/shards', '/shards?zzz=1', '/volume', '/lookup', `/lookup?addresses=${things.macs[0]}`, '/lookup?addresses=zz', `/lookup?node_uuid=${things.nodes[0]}`, '/heartbeat')) }, // prettier-ignore
    { weight: 1, arbitrary: of('POST', fc.constantFrom(`/heartbeat/${things.nodes[0]}`, `/heartbeat/${ABSENT}`), fc.constantFrom<unknown>({ callback_url: 'http://x' }, { callback_url: 'http://x', agent_token: 'zzz', agent_version: '1' }, {}, { callback_url: 7 })) }, // prettier-ignore
    { weight: 1, arbitrary: of('POST', '/events', fc.constantFrom<unknown>({ events: [] }, { events: [{ event: 'network.bind_port', port_id: ABSENT, mac_address: things.macs[0], status: 'ACTIVE' }] }, { events: [{ event: 'zzz' }] }, {}, { events: 7 }, { events: [{ event: 'network.bind_port' }] }, { zzz: 1 })) }, // prettier-ignore
  ]
}
