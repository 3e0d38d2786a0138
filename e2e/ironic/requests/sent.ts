// Requests to compare two servers with: one node's life, and then generated ones on what it leaves.
import fc from 'fast-check'

export interface Sent {
  readonly method: string
  readonly path: string
  readonly body: unknown
  /** The N of 1.N. */
  readonly version: number
}

const NODE = '6b2a5f0e-3f0c-4a51-9f3d-000000000001'
const OTHER = '6b2a5f0e-3f0c-4a51-9f3d-000000000002'
const PORT = '6b2a5f0e-3f0c-4a51-9f3d-000000000003'
const ABSENT = '6b2a5f0e-3f0c-4a51-9f3d-0000000000ff'
const INSTANCE = '6b2a5f0e-3f0c-4a51-9f3d-0000000000ee'

const at = (method: string, path: string, body?: unknown, version = 82): Sent => ({
  method,
  path: `/v1${path}`,
  body,
  version,
})
const verb = (target: string) => at('PUT', `/nodes/life/states/provision`, { target })

/** In order; `state`: what the node comes to rest in before the next. */
export const nodeLife: readonly { sent: Sent; state?: string }[] = [
  { sent: at('POST', '/nodes', { driver: 'fake-hardware', name: 'life', uuid: NODE, extra: { a: 1 } }) },
  { sent: at('POST', '/nodes', { driver: 'fake-hardware', name: 'other', uuid: OTHER }) },
  { sent: at('POST', '/ports', { node_uuid: NODE, address: '52:54:00:99:00:01', uuid: PORT }) },
  { sent: verb('active') },
  { sent: verb('provide') },
  { sent: verb('manage'), state: 'manageable' },
  { sent: verb('manage') },
  { sent: verb('provide'), state: 'available' },
  { sent: at('PATCH', '/nodes/life', [{ op: 'add', path: '/instance_uuid', value: INSTANCE }]) },
  { sent: at('DELETE', '/nodes/life') },
  { sent: verb('active'), state: 'active' },
  { sent: at('GET', '/nodes/life') },
  { sent: at('DELETE', '/nodes/life') },
  { sent: verb('provide') },
  { sent: at('PATCH', '/ports/' + PORT, [{ op: 'replace', path: '/address', value: '52:54:00:99:00:02' }]) },
  { sent: at('PUT', '/nodes/life/states/power', { target: 'power off' }), state: 'active' },
  { sent: at('PUT', '/nodes/life/states/power', { target: 'rebooting' }), state: 'active' },
  { sent: at('PUT', '/nodes/life/maintenance', { reason: 'x' }) },
  { sent: verb('rebuild') },
  { sent: at('DELETE', '/nodes/life/maintenance') },
  { sent: verb('rebuild'), state: 'active' },
  { sent: at('PATCH', '/nodes/life', [{ op: 'replace', path: '/protected', value: true }]) },
  { sent: verb('deleted') },
  { sent: at('PATCH', '/nodes/life', [{ op: 'remove', path: '/protected' }]) },
  { sent: verb('deleted'), state: 'available' },
  { sent: at('GET', '/nodes/life') },
]

const version = fc.oneof(fc.constant(82), fc.integer({ min: 1, max: 82 }))
const node = fc.constantFrom('life', 'other', NODE, OTHER, ABSENT, 'absent', 'bad%20name')
const value = fc.constantFrom<unknown>('x', '', 7, true, false, null, {}, { a: { b: 1 } }, [], 'x'.repeat(300))
const of = (method: string, path: fc.Arbitrary<string>, body: fc.Arbitrary<unknown> = fc.constant(undefined)) =>
  fc.record({ method: fc.constant(method), path: path.map((text) => `/v1${text}`), body, version })

const FIELDS = ['uuid', 'name', 'driver', 'extra', 'owner', 'lessee', 'description', 'retired', 'traits', 'conductor', 'fault', 'nope', 'power_interface', 'provision_state'] // prettier-ignore
const pair = (name: string, values: readonly string[]) => fc.constantFrom(...values).map((text) => `${name}=${text}`)
const query = fc
  .subarray(
    [
      pair('limit', ['1', '2', '0', '-1', 'x', '5000']),
      pair('marker', [NODE, ABSENT, 'nope']),
      pair('sort_key', ['uuid', 'name', 'id', 'extra', 'zzz', 'driver', 'provision_state', 'created_at']),
      pair('sort_dir', ['asc', 'desc', 'up']),
      pair('detail', ['True', 'false', 'maybe']),
      fc.subarray(FIELDS, { minLength: 1, maxLength: 3 }).map((names) => `fields=${names.join(',')}`),
      pair('maintenance', ['true', 'False', 'maybe']),
      pair('associated', ['true', 'no']),
      pair('provision_state', ['available', 'enroll', 'active', 'zzz']),
      pair('driver', ['fake-hardware', 'zzz']),
      pair('owner', ['x']),
      pair('fault', ['none', 'zzz']),
      pair('retired', ['false']),
      pair('description_contains', ['x']),
      pair('instance_uuid', [INSTANCE, 'zzz']),
      pair('zzz', ['1']),
    ],
    { maxLength: 2 },
  )
  .chain((parts) => (parts.length === 0 ? fc.constant('') : fc.tuple(...parts).map((texts) => `?${texts.join('&')}`)))

const name = fc.constantFrom('detail', 'validate', 'bad name', 'life', 'x'.repeat(256), '', 'a~b.c-d_e', ABSENT)
const newNode = fc.record(
  {
    driver: fc.constantFrom<unknown>('zzz', '', 7, null),
    name,
    extra: value,
    properties: value,
    uuid: fc.constantFrom<unknown>('zzz', 7, NODE),
    owner: value,
    maintenance: value,
    automated_clean: value,
    zzz: value,
    resource_class: value,
    deploy_interface: fc.constantFrom('zzz', 'fake'),
    description: value,
  },
  { requiredKeys: [] },
)
const patch = fc.array(
  fc.record(
    {
      op: fc.constantFrom('add', 'replace', 'remove', 'test'),
      path: fc.constantFrom('/extra/a', '/extra/zzz', '/extra', '/name', '/owner', '/uuid', '/zzz', '/driver', '/properties/x', '/description', '/maintenance', 'extra', '/', '/resource_class', '/retired', '/power_state', '/deploy_interface'), // prettier-ignore
      value,
    },
    { requiredKeys: ['op', 'path'] },
  ),
  { maxLength: 2 },
)
const portBody = fc.record(
  {
    address: fc.constantFrom<unknown>('zz', '52:54:00:99:00:02', 7),
    node_uuid: fc.constantFrom<unknown>(ABSENT, 'zzz', NODE),
    extra: value,
    pxe_enabled: value,
    zzz: value,
    local_link_connection: value,
  },
  { requiredKeys: ['node_uuid'] },
)

/** None of them makes, moves or removes anything for good: both servers stay where the life of the node left them. */
export const requests: fc.Arbitrary<Sent> = fc.oneof(
  {
    weight: 4,
    arbitrary: of(
      'GET',
      query.map((text) => `/nodes${text}`),
    ),
  },
  {
    weight: 1,
    arbitrary: of(
      'GET',
      query.map((text) => `/nodes/detail${text}`),
    ),
  },
  { weight: 3, arbitrary: of('GET', fc.tuple(node, fc.constantFrom('', '?fields=uuid,name', '?fields=nope', '?fields=owner', '?zzz=1')).map(([a, b]) => `/nodes/${a}${b}`)) }, // prettier-ignore
  {
    weight: 1,
    arbitrary: of(
      'GET',
      node.map((text) => `/nodes/${text}/states`),
    ),
  },
  {
    weight: 1,
    arbitrary: of(
      'GET',
      node.map((text) => `/nodes/${text}/ports`),
    ),
  },
  {
    weight: 1,
    arbitrary: of(
      'GET',
      node.map((text) => `/nodes/${text}/validate`),
    ),
  },
  { weight: 3, arbitrary: of('POST', fc.constant('/nodes'), newNode) },
  { weight: 3, arbitrary: of('PATCH', node.map((text) => `/nodes/${text}`), patch.filter((list) => !list.some(({ path }) => path === '/name'))) }, // prettier-ignore
  { weight: 2, arbitrary: of('PUT', node.map((text) => `/nodes/${text}/states/provision`), fc.constantFrom<unknown>({ target: 'zzz' }, {}, { target: 'active', zzz: 1 }, { target: 'rescue' }, { target: 'abort' }, { target: 7 }, [])) }, // prettier-ignore
  { weight: 1, arbitrary: of('PUT', node.map((text) => `/nodes/${text}/states/power`), fc.constantFrom<unknown>({ target: 'zzz' }, {}, { target: 'power on', timeout: 0 }, { target: 'soft power off', timeout: 'x' })) }, // prettier-ignore
  { weight: 1, arbitrary: of('PUT', node.map((text) => `/nodes/${text}/management/boot_device`), fc.constantFrom<unknown>({ boot_device: 'pxe' }, { boot_device: 'zzz' }, {}, { boot_device: 'pxe', persistent: 'x' })) }, // prettier-ignore
  {
    weight: 1,
    arbitrary: of(
      'GET',
      node.map((text) => `/nodes/${text}/management/boot_device`),
    ),
  },
  {
    weight: 1,
    arbitrary: of(
      'GET',
      node.map((text) => `/nodes/${text}/management/boot_device/supported`),
    ),
  },
  { weight: 2, arbitrary: of('GET', fc.constantFrom('/ports', '/ports?detail=True', '/ports/detail', '/ports?address=52:54:00:99:00:02', '/ports?address=zz', '/ports?zzz=1', `/ports?node=life`, '/ports?fields=uuid,extra', '/ports?limit=1', `/ports/${PORT}`, `/ports/${ABSENT}`, '/ports/zzz')) }, // prettier-ignore
  { weight: 2, arbitrary: of('POST', fc.constant('/ports'), portBody) },
  { weight: 1, arbitrary: of('GET', fc.constantFrom('/drivers?type=classic', '/drivers/zzz', '/drivers/fake-hardware', '/drivers?detail=maybe', '/drivers?zzz=1')) }, // prettier-ignore
  { weight: 1, arbitrary: of('GET', fc.constantFrom('/conductors', '/conductors?detail=true', '/conductors/zzz', '/conductors?zzz=1')) }, // prettier-ignore
  {
    weight: 1,
    arbitrary: of('PUT', fc.constantFrom('/nodes', '/nodes/life', '/ports', '/drivers', '/zzz'), fc.constant({})),
  },
  { weight: 1, arbitrary: of('GET', fc.constantFrom('/', '', '/zzz', '/nodes/life/zzz', '/nodes/', '/nodes/life/')) },
)
