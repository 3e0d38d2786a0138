// A request to send to two servers, and the things of one episode that requests are about.
import fc from 'fast-check'
import { RESOURCES } from '../../../cloud/api/routes.ts'

export interface Sent {
  readonly method: string
  /** With /v1, where the request has it. */
  readonly path: string
  /** JSON, or with `raw` the very text. */
  readonly body?: unknown
  readonly raw?: string
  /** The N of 1.N. */
  readonly version: number
  /** The version header, where it is another. */
  readonly header?: string
}

/** The newest microversion that both have. */
export const NEWEST = 82

export const at = (method: string, path: string, body?: unknown, version = NEWEST): Sent => ({
  method,
  path: `/v1${path}`,
  body,
  version,
})

/** Identifiers of one episode: no other has them, so that what an episode leaves behind is no part of the next. */
export interface Things {
  readonly nodes: readonly [string, string]
  readonly names: readonly [string, string]
  readonly ports: readonly [string, string]
  readonly macs: readonly [string, string, string]
  readonly portgroup: string
  readonly chassis: string
  readonly connector: string
  readonly target: string
  readonly allocation: string
  readonly template: string
  /** A name of deploy template and trait alike. */
  readonly trait: string
  readonly instance: string
  /** Of things that are made on the way. */
  readonly fresh: readonly string[]
}

export function thingsOf(episode: number): Things {
  const hex = episode.toString(16).padStart(4, '0')
  const uuid = (n: number) => `6b2a5f0e-${hex}-4a51-9f3d-${n.toString(16).padStart(12, '0')}`
  const mac = (n: number) => `52:54:${hex.slice(0, 2)}:${hex.slice(2)}:00:0${n}`
  return {
    nodes: [uuid(1), uuid(2)],
    names: [`a-${episode}`, `b-${episode}`],
    ports: [uuid(3), uuid(4)],
    macs: [mac(1), mac(2), mac(3)],
    portgroup: uuid(5),
    chassis: uuid(6),
    connector: uuid(7),
    target: uuid(8),
    allocation: uuid(9),
    template: uuid(10),
    trait: `CUSTOM_E${episode}`,
    instance: uuid(11),
    fresh: [uuid(20), uuid(21), uuid(22)],
  }
}

export const ABSENT = '6b2a5f0e-3f0c-4a51-9f3d-0000000000ff'
const JUNK = ['absent', 'zzz', 'bad%20name', ABSENT]

export const version = fc.oneof(
  { weight: 2, arbitrary: fc.constant(NEWEST) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: NEWEST }) },
)
/** Mostly one that exists. */
export const identOf = (...real: readonly string[]) =>
  fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...real) }, { weight: 1, arbitrary: fc.constantFrom(...JUNK) })
export const nodeOf = ({ nodes, names }: Things) => identOf(nodes[0], names[0], names[0], names[1])

/** What may be meant as a value of anything. */
export const value = fc.constantFrom<unknown>('x', '', 'True', 'off', 7, 1.5, true, false, null, {}, { a: { b: [1, null] } }, [], ['x'], 'é𝔽 "\\', 'x'.repeat(300), 'x'.repeat(5000)) // prettier-ignore
export const dict = fc.constantFrom<unknown>({}, { a: 1, b: 'x' }, { a: { b: [1, null] } }, { é: '𝔽' })

export const of = (
  method: string,
  path: fc.Arbitrary<string> | string,
  body: fc.Arbitrary<unknown> = fc.constant(undefined),
): fc.Arbitrary<Sent> => {
  const paths = typeof path === 'string' ? fc.constant(path) : path
  return fc.record({ method: fc.constant(method), path: paths.map((text) => `/v1${text}`), body, version })
}

/** `?a=1&b=2` out of some of these. */
export function queryOf(parts: Readonly<Record<string, readonly string[]>>, most = 3): fc.Arbitrary<string> {
  return fc
    .subarray(Object.entries(parts), { maxLength: Math.min(most, Object.keys(parts).length) })
    .chain((chosen) =>
      chosen.length === 0
        ? fc.constant('')
        : fc
            .tuple(...chosen.map(([name, values]) => fc.constantFrom(...values).map((text) => `${name}=${text}`)))
            .map((texts) => `?${texts.join('&')}`),
    )
}

/** Ours beside Ironic's. */
const NATIVE_FIELDS = ['stale_since', 'expected_at', 'overdue']

/** Every field of a resource that both have. */
export const fieldsOf = (path: string): readonly string[] =>
  RESOURCES.find((resource) => resource.path === path)!.fields.flatMap(({ name, since }) =>
    since <= NEWEST && !NATIVE_FIELDS.includes(name) ? [name] : [],
  )

/** A comma list for `fields`. */
export const lists = (names: readonly string[]) => [
  ...names,
  `${names[0]},${names.at(-1)}`,
  names.slice(0, 3).join(','),
  'nope',
  'uuid,nope',
  '',
]

/** JSON Patch, of one or two operations on these paths. */
export const patchOf = (paths: readonly string[], values: fc.Arbitrary<unknown> = value) =>
  fc.array(
    fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({
          op: fc.constantFrom('add', 'replace', 'add'),
          path: fc.constantFrom(...paths),
          value: values,
        }),
      },
      { weight: 3, arbitrary: fc.record({ op: fc.constant('remove'), path: fc.constantFrom(...paths) }) },
      {
        weight: 1,
        arbitrary: fc.record(
          {
            op: fc.constantFrom('test', 'move', 'copy', 'add', 'replace', 'remove', 7),
            path: fc.constantFrom(...paths, '/uuid', '/zzz', 'extra', '/', '', '/extra//a', '/extra/a/-', '/links'),
            from: fc.constantFrom(...paths, '/uuid', '/zzz'),
            value,
          },
          { requiredKeys: ['op', 'path'] },
        ),
      },
    ),
    { minLength: 1, maxLength: 2 },
  )

/** What is no JSON, or none that is meant. */
export const rawBodies = fc.constantFrom('{', '', 'null', '[]', '"x"', '7', '[{}]', '{"a":1}}', '{} {}')
