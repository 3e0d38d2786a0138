// Requests about nodes and what is below them.
import fc from 'fast-check'
import { ABSENT, dict, fieldsOf, identOf, lists, nodeOf, of, patchOf, queryOf, rawBodies, value, version, type Sent, type Things } from './sent.ts' // prettier-ignore

const FIELDS = fieldsOf('nodes')
const SORT = ['uuid', 'name', 'id', 'extra', 'zzz', 'driver', 'provision_state', 'owner', 'description', 'retired', 'resource_class', 'properties', 'traits', 'shard', 'instance_uuid', 'lessee', 'protected', 'automated_clean', 'network_data', 'raid_config', 'clean_step', 'deploy_step', 'chassis_uuid', 'links', 'conductor', 'created_at'] // prettier-ignore

const filters = (things: Things) => ({
  limit: ['1', '2', '0', '-1', 'x', '5000'],
  marker: [things.nodes[0], things.nodes[1], ABSENT, 'nope'],
  sort_key: SORT,
  sort_dir: ['asc', 'desc', 'up'],
  detail: ['True', 'false', 'maybe'],
  fields: lists(FIELDS),
  maintenance: ['true', 'False', 'maybe'],
  associated: ['true', 'no'],
  provision_state: ['available', 'enroll', 'active', 'manageable', 'zzz'],
  driver: ['fake-hardware', 'zzz'],
  owner: ['x'],
  lessee: ['x'],
  project: ['x'],
  fault: ['none', 'zzz', 'power%20failure'],
  retired: ['false', 'true'],
  resource_class: ['x'],
  description_contains: ['x', 'X', '%25'],
  instance_uuid: [things.instance, 'zzz'],
  chassis_uuid: [things.chassis, ABSENT, 'zzz'],
  conductor_group: ['', 'zzz'],
  conductor: ['zzz'],
  shard: ['x', 'a,x'],
  sharded: ['true', 'false'],
  zzz: ['1'],
})

const NAMES = ['detail', 'validate', 'bad name', 'x'.repeat(256), '', 'a~b.c-d_e', ABSENT, 'é']
const interfaces = fieldsOf('nodes').filter((name) => name.endsWith('_interface'))

function newNode(things: Things): fc.Arbitrary<unknown> {
  const optional = {
    name: fc.oneof(fc.constantFrom(...things.names, 'new-1', 'New.2'), fc.constantFrom(...NAMES)),
    extra: fc.oneof(dict, value),
    properties: fc.oneof(dict, value),
    driver_info: fc.oneof(dict, value),
    instance_info: fc.oneof(dict, value),
    instance_uuid: fc.constantFrom<unknown>(things.instance, 'zzz', null, 7),
    owner: value,
    lessee: value,
    maintenance: value,
    automated_clean: value,
    resource_class: value,
    description: value,
    retired: value,
    retired_reason: value,
    network_data: value,
    shard: value,
    chassis_uuid: fc.constantFrom<unknown>(things.chassis, ABSENT, 'zzz', null),
    conductor_group: fc.constantFrom<unknown>('', 'zzz', 7, null, 'bad group'),
    zzz: value,
    provision_state: value,
    protected: value,
    boot_mode: fc.constantFrom<unknown>('uefi', 'bios', 'zzz', null, 7),
    secure_boot: value,
    console_enabled: value,
    ...Object.fromEntries(interfaces.map((name) => [name, fc.constantFrom<unknown>('zzz', 'fake', 'noop', null, 7)])), // prettier-ignore
  }
  const some = fc
    .subarray(Object.entries(optional), { maxLength: 3 })
    .chain((chosen) => fc.record(Object.fromEntries(chosen) as Record<string, fc.Arbitrary<unknown>>))
  const driver = fc.oneof({ weight: 8, arbitrary: fc.constant<unknown>('fake-hardware') }, { weight: 1, arbitrary: fc.constantFrom<unknown>('zzz', '', 7, null, undefined) }) // prettier-ignore
  const uuid = fc.oneof({ weight: 8, arbitrary: fc.constantFrom<unknown>(...things.fresh) }, { weight: 1, arbitrary: fc.constantFrom<unknown>('zzz', 7, things.nodes[0]) }) // prettier-ignore
  return fc.tuple(some, driver, uuid).map(([more, driver, uuid]) => ({ driver, uuid, ...more }))
}

const PATHS = ['/extra/a', '/extra/zzz', '/extra', '/properties', '/properties/x', '/driver_info/a', '/instance_info', '/instance_info/x', '/owner', '/lessee', '/description', '/maintenance', '/resource_class', '/retired', '/retired_reason', '/protected', '/protected_reason', '/automated_clean', '/network_data', '/shard', '/name', '/driver', '/uuid', '/power_state', '/provision_state', ...interfaces.map((name) => `/${name}`), '/chassis_uuid', '/conductor_group', '/instance_uuid', '/extra/a/b', '/traits', '/reservation', '/console_enabled', '/boot_mode', '/secure_boot', '/raid_config', '/last_error', '/driver_internal_info', '/maintenance_reason'] // prettier-ignore

function patches(things: Things): fc.Arbitrary<unknown> {
  const fitting = fc.constantFrom<{ op: string; path: string; value?: unknown }>(
    { op: 'add', path: '/name', value: things.names[1] },
    { op: 'add', path: '/instance_uuid', value: things.instance },
    { op: 'remove', path: '/instance_uuid' },
    { op: 'add', path: '/chassis_uuid', value: things.chassis },
    { op: 'remove', path: '/chassis_uuid' },
    { op: 'replace', path: '/driver', value: 'fake-hardware' },
    { op: 'replace', path: '/resource_class', value: 'x' },
    { op: 'add', path: '/extra', value: { a: { c: 1 } } },
    { op: 'add', path: '/owner', value: 'x' },
    { op: 'add', path: '/shard', value: 'x' },
    { op: 'add', path: '/description', value: 'an x' },
    { op: 'add', path: '/protected', value: true },
    { op: 'add', path: '/retired', value: true },
    { op: 'remove', path: '/driver' },
    { op: 'replace', path: '/bios_interface', value: 'fake' },
    { op: 'replace', path: '/network_interface', value: 'noop' },
    { op: 'replace', path: '/storage_interface', value: 'fake' },
    { op: 'add', path: '/network_data', value: { links: [], networks: [], services: [] } },
    { op: 'add', path: '/instance_info/display_name', value: 'web' },
    { op: 'add', path: '/automated_clean', value: false },
  )
  return fc.oneof(
    { weight: 4, arbitrary: patchOf(PATHS) },
    { weight: 3, arbitrary: fc.array(fitting, { minLength: 1, maxLength: 2 }) },
    { weight: 1, arbitrary: fc.constantFrom<unknown>([], {}, 7, [7], [{}], [{ op: 'add', path: '/extra/q' }]) },
  )
}

const steps = fc.constantFrom<unknown>([], [{ interface: 'power', step: 'zzz' }], [{ interface: 'zzz', step: 'a' }], [{ step: 'a' }], 7, null, [{ interface: 'deploy', step: 'erase_devices', args: {}, zzz: 1 }], [{ interface: 'bios', step: 'zzz', args: {}, priority: 10 }], [{ interface: 'bios', step: 'zzz', args: {}, priority: '10' }], [{ interface: 'bios', step: 'zzz', args: {}, priority: -1 }], [{ interface: 'bios', step: 'zzz', args: 7, priority: 10 }], [{ interface: 'bios', step: '', args: {}, priority: 10 }]) // prettier-ignore
const VERBS = ['active', 'deploy', 'rebuild', 'deleted', 'undeploy', 'manage', 'provide', 'inspect', 'abort', 'clean', 'adopt', 'rescue', 'unrescue'] // prettier-ignore

const provision = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...VERBS).map((target) => (target === 'rescue' ? { target, rescue_password: 'p' } : { target })) }, // prettier-ignore
  {
    weight: 3,
    arbitrary: fc.record(
      {
        target: fc.constantFrom<unknown>(...VERBS, 'zzz', 7, null),
        configdrive: fc.constantFrom<unknown>('QUJD', 'http://x/y', '', 'not base64!', { meta_data: {} }, { zzz: 1 }, {}, 7, null), // prettier-ignore
        clean_steps: steps,
        deploy_steps: steps,
        rescue_password: fc.constantFrom<unknown>('p', '', 7, null),
        disable_ramdisk: fc.constantFrom<unknown>(true, 'x', null),
        zzz: value,
      },
      { requiredKeys: [] },
    ),
  },
)

const power = fc.record(
  {
    target: fc.constantFrom<unknown>('power on', 'power off', 'rebooting', 'soft power off', 'soft rebooting', 'zzz', 7, null), // prettier-ignore
    timeout: fc.constantFrom<unknown>(1, 60, 0, -1, 'x', null, 1.5),
    zzz: value,
  },
  { requiredKeys: [] },
)

const traits = (things: Things) =>
  fc.constantFrom<unknown>({ traits: [things.trait] }, { traits: ['CUSTOM_A', 'HW_CPU_X86_VMX'] }, { traits: [] }, { traits: ['bad'] }, { traits: 7 }, {}, [], { traits: ['CUSTOM_A', 'CUSTOM_A'] }, { traits: ['CUSTOM_A'], zzz: 1 }) // prettier-ignore

const raid = fc.constantFrom<unknown>({}, { logical_disks: [] }, { logical_disks: [{ size_gb: 'MAX', raid_level: '1' }] }, { logical_disks: [{ size_gb: 100, raid_level: '5', is_root_volume: true }] }, { logical_disks: [{ size_gb: 'x', raid_level: '1' }] }, { logical_disks: [{ raid_level: '1' }] }, { zzz: 1 }, [], 7) // prettier-ignore

/** Methods of Ironic's fake vendor interface, and what each takes. */
const passThrough = (node: fc.Arbitrary<string>): fc.Arbitrary<Sent> => {
  const name = fc.constantFrom('first_method', 'second_method', 'third_method_sync', 'fourth_method_shared_lock', 'zzz')
  const path = fc.tuple(node, name, fc.boolean()).map(([text, method, isQuery]) => `/nodes/${text}/vendor_passthru${isQuery ? '?method=' : '/'}${method}`) // prettier-ignore
  const body = fc.constantFrom<unknown>({ bar: 'meow' }, { bar: 'kazoo' }, { bar: 'woof' }, { bar: 'baz' }, { bar: 7 }, {}, []) // prettier-ignore
  return fc.oneof(
    { weight: 4, arbitrary: of('POST', path, body) },
    { weight: 1, arbitrary: fc.constantFrom('GET', 'DELETE', 'PUT', 'PATCH').chain((method) => of(method, path, method === 'GET' || method === 'DELETE' ? undefined : body)) }, // prettier-ignore
  )
}

/** Without /v1, at the root, or with a version that is none. */
function oddly({ names }: Things): fc.Arbitrary<Sent> {
  const get = { method: fc.constant('GET'), version }
  const paths = ['/', '/nodes', `/nodes/${names[0]}/states`, '/zzz', '/chassis']
  const headers = ['', 'x', '1', '1.0', '0.9', '2.1', '1.999', '1.5.1', '-1.5', '1.x']
  return fc.oneof(
    fc.record({ ...get, path: fc.constantFrom(...paths) }),
    fc.record({ ...get, path: fc.constantFrom('/v1/volume', `/v1/nodes/${names[0]}`, '/v1/zzz'), header: fc.constantFrom(...headers) }), // prettier-ignore
  )
}

export function nodeRequests(things: Things): fc.WeightedArbitrary<Sent>[] {
  const node = nodeOf(things)
  const below = (path: string) => node.map((text) => `/nodes/${text}${path}`)
  const belowAny = (...paths: string[]) => fc.tuple(node, fc.constantFrom(...paths)).map(([text, path]) => `/nodes/${text}${path}`) // prettier-ignore
  const trait = fc.constantFrom('CUSTOM_A', things.trait, 'bad', 'HW_CPU_X86_VMX')
  const pages = queryOf({ limit: ['1', '0'], marker: [ABSENT, 'x'], sort_key: ['uuid', 'zzz'], detail: ['True'], fields: lists(['uuid', 'extra']), zzz: ['1'] }) // prettier-ignore
  return [
    { weight: 8, arbitrary: of('GET', queryOf(filters(things)).map((text) => `/nodes${text}`)) }, // prettier-ignore
    { weight: 2, arbitrary: of('GET', queryOf(filters(things)).map((text) => `/nodes/detail${text}`)) }, // prettier-ignore
    { weight: 4, arbitrary: of('GET', fc.tuple(below(''), queryOf({ fields: lists(FIELDS), zzz: ['1'] }, 1)).map(([a, b]) => a + b)) }, // prettier-ignore
    { weight: 3, arbitrary: of('GET', belowAny('/states', '/validate', '/states/console', '/management/boot_device', '/management/boot_device/supported', '/management/indicators', '/vifs', '/traits', '/bios', '/bios/zzz', '/allocation', '/history', '/history/detail', '/inventory', '/vendor_passthru/methods', '/firmware', '/zzz', '/volume', '/vmedia')) }, // prettier-ignore
    { weight: 2, arbitrary: of('GET', fc.tuple(belowAny('/ports', '/ports/detail', '/portgroups', '/portgroups/detail', '/volume/connectors', '/volume/targets'), pages).map(([a, b]) => a + b)) }, // prettier-ignore
    { weight: 1, arbitrary: of('GET', node.map((text) => `/nodes/validate?node=${text}`)) }, // prettier-ignore
    { weight: 2, arbitrary: of('GET', fc.tuple(below('/bios'), queryOf({ detail: ['True', 'maybe'], fields: lists(['name', 'value', 'read_only']), zzz: ['1'] })).map(([a, b]) => a + b)) }, // prettier-ignore
    { weight: 2, arbitrary: of('GET', fc.tuple(below('/history'), queryOf({ detail: ['True', 'maybe'], limit: ['1', '0', 'x'], marker: [ABSENT, 'x'], sort_key: ['created_at', 'zzz'], sort_dir: ['up'], fields: ['uuid'], zzz: ['1'] })).map(([a, b]) => a + b)) }, // prettier-ignore
    { weight: 1, arbitrary: of('GET', belowAny(`/history/${ABSENT}`, '/history/zzz', '/management/indicators/led-0@chassis', '/management/indicators/zzz', '/management/indicators/led@system', '/inventory?zzz=1', '/states?zzz=1', '/vifs?zzz=1', '/traits?zzz=1', '/validate?zzz=1')) }, // prettier-ignore
    { weight: 1, arbitrary: of('PUT', belowAny('/management/indicators/led-0@chassis', '/management/indicators/led@system', '/management/indicators/zzz'), fc.constantFrom<unknown>({ state: 'on' }, { state: 'BLINKING' }, { state: 'blinking' }, { state: 'off' }, { state: 'zzz' }, {})) }, // prettier-ignore
    { weight: 3, arbitrary: passThrough(node) },
    { weight: 1, arbitrary: of('PATCH', below('?reset_interfaces=True'), fc.constantFrom<unknown>([{ op: 'replace', path: '/driver', value: 'fake-hardware' }], [{ op: 'replace', path: '/driver', value: 'zzz' }], [{ op: 'add', path: '/extra/a', value: 1 }])) }, // prettier-ignore
    { weight: 4, arbitrary: of('POST', '/nodes', newNode(things)) },
    { weight: 9, arbitrary: of('PATCH', below(''), patches(things)) },
    { weight: 7, arbitrary: of('PUT', below('/states/provision'), provision) },
    { weight: 3, arbitrary: of('PUT', below('/states/power'), power) },
    { weight: 1, arbitrary: of('PUT', below('/states/raid'), raid) },
    { weight: 1, arbitrary: of('PUT', below('/states/console'), fc.constantFrom<unknown>({ enabled: true }, { enabled: false }, { enabled: 'x' }, { enabled: 'off' }, { enabled: null }, {}, [])) }, // prettier-ignore
    { weight: 1, arbitrary: of('PUT', below('/states/boot_mode'), fc.constantFrom<unknown>({ target: 'uefi' }, { target: 'bios' }, { target: 'UEFI' }, { target: null }, { target: 'zzz' }, {}, { target: 'uefi', zzz: 1 })) }, // prettier-ignore
    { weight: 1, arbitrary: of('PUT', below('/states/secure_boot'), fc.constantFrom<unknown>({ target: true }, { target: false }, { target: 'on' }, { target: null }, { target: 7 }, { target: 'zzz' }, {})) }, // prettier-ignore
    { weight: 2, arbitrary: of('PUT', below('/maintenance'), fc.constantFrom<unknown>({}, { reason: 'x' }, { reason: null }, { reason: 7 }, { zzz: 1 }, undefined)) }, // prettier-ignore
    { weight: 2, arbitrary: of('DELETE', below('/maintenance')) },
    { weight: 2, arbitrary: of('PUT', below('/management/boot_device'), fc.constantFrom<unknown>({ boot_device: 'pxe' }, { boot_device: 'zzz' }, {}, { boot_device: 'pxe', persistent: true }, { boot_device: 'pxe', persistent: 'x' }, { boot_device: 7 })) }, // prettier-ignore
    { weight: 1, arbitrary: of('PUT', below('/management/inject_nmi'), fc.constantFrom<unknown>({}, { zzz: 1 }, undefined)) }, // prettier-ignore
    { weight: 2, arbitrary: of('PUT', below('/traits'), traits(things)) },
    { weight: 2, arbitrary: of('PUT', fc.tuple(below('/traits'), trait).map(([a, b]) => `${a}/${b}`), fc.constantFrom<unknown>(undefined, {}, { a: 1 })) }, // prettier-ignore
    { weight: 2, arbitrary: of('DELETE', fc.tuple(below('/traits'), fc.oneof(fc.constant(''), trait.map((text) => `/${text}`))).map(([a, b]) => a + b)) }, // prettier-ignore
    { weight: 2, arbitrary: of('POST', below('/vifs'), fc.constantFrom<unknown>({ id: 'vif-1' }, { id: ABSENT, port_uuid: things.ports[0] }, { id: 'v', port_uuid: 'zzz' }, { id: 7 }, {}, { id: 'v', port_uuid: ABSENT, portgroup_uuid: ABSENT })) }, // prettier-ignore
    { weight: 1, arbitrary: of('DELETE', belowAny('/vifs/vif-1', `/vifs/${ABSENT}`)) },
    { weight: 1, arbitrary: of('DELETE', below('/allocation')) },
    { weight: 2, arbitrary: of('DELETE', identOf(...things.nodes, ...things.fresh).map((text) => `/nodes/${text}`)) }, // prettier-ignore
    { weight: 1, arbitrary: of('PUT', fc.constantFrom('/nodes', `/nodes/${things.names[0]}`, '/ports', '/drivers', '/zzz', '/chassis'), fc.constant({})) }, // prettier-ignore
    {
      weight: 1,
      arbitrary: of(
        'GET',
        fc.constantFrom(
          '/',
          '',
          '/zzz',
          '/nodes/',
          `/nodes/${things.names[0]}/`,
          '/nodes.json',
          `/nodes/${things.names[0]}.json`,
          `/nodes/${things.nodes[1]}.json/`,
          `/nodes/${things.names[0]}/states.json`,
          `/portgroups/g-${things.names[0]}.json`,
          '/nodes/a~b',
        ),
      ),
    },
    { weight: 1, arbitrary: oddly(things) },
    {
      weight: 1,
      arbitrary: fc.record({
        method: fc.constantFrom('POST', 'PUT', 'PATCH'),
        path: fc.constantFrom('/v1/nodes', `/v1/nodes/${things.names[0]}`, `/v1/nodes/${things.names[0]}/states/provision`, '/v1/ports'), // prettier-ignore
        raw: rawBodies,
        version,
      }),
    },
  ]
}
