// The description of the API (OpenAPI 3.1), made of what serves it: routes, the schemas that read bodies, and the field tables that answer.
// It describes the newest microversion; `x-ironic-since` says what came when.
import type { JsonSchema, Route } from '../api/call.ts'
import { MAX_VERSION, MIN_VERSION } from '../api/microversion.ts'
import { answers, FAULT, LINK, ref, statuses, type Answer } from './answers.ts'
import { bodySchema, takesEmpty } from './bodies.ts'
import { parametersOf, type Parameter } from './parameters.ts'

export interface Document {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>>; readonly [part: string]: unknown }
  readonly [part: string]: unknown
}

export interface Operation {
  readonly summary: string
  readonly parameters: readonly Parameter[]
  readonly requestBody?: {
    readonly required: boolean
    readonly content: Readonly<Record<string, { schema: JsonSchema }>>
  }
  readonly responses: Readonly<Record<string, Answer>>
  readonly [part: string]: unknown
}

/** Every route that says what it is. */
export function describe(routes: readonly Route[]): Document {
  const schemas = new Map<string, JsonSchema>([
    ['Fault', FAULT],
    ['Link', LINK],
  ])
  const paths: Record<string, Record<string, Operation>> = {}
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)(\{[^}]*\})?/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route, schemas) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Ferrule Bare Metal API',
      version: `1.${MAX_VERSION}`,
      description: `Wire-compatible with OpenStack Ironic, microversions 1.${MIN_VERSION} to 1.${MAX_VERSION}; everything else is additive.`,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }, { token: [] }, { basic: [] }],
    paths: Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1))),
    components: {
      schemas: Object.fromEntries([...schemas].sort(([a], [b]) => (a < b ? -1 : 1))),
      responses: {
        Fault: {
          description: `A failure, with its code and the next action. Statuses: ${statuses().join(', ')}.`,
          content: { 'application/json': { schema: ref('Fault') } },
        },
      },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        token: { type: 'apiKey', in: 'header', name: 'X-Auth-Token' },
        basic: { type: 'http', scheme: 'basic', description: 'The token is the password.' },
      },
    },
  }
}

function operation(route: Route, schemas: Map<string, JsonSchema>): Operation {
  const { method, path, about, since, open } = route
  const body = bodySchema(route)
  return {
    operationId: `${method.toLowerCase()}${path.replaceAll(/\{[^}]*\}/g, '').replaceAll(/[:/._-]+(\w?)/g, (_, letter: string) => letter.toUpperCase())}`,
    summary: about ?? '',
    ...(since === undefined ? {} : { 'x-ironic-since': `1.${since}` }),
    ...(open ? { security: [] } : {}),
    parameters: parametersOf(route),
    ...(body === undefined
      ? {}
      : { requestBody: { required: !takesEmpty(route), content: { 'application/json': { schema: body } } } }),
    responses: { ...answers(route, schemas), default: { $ref: '#/components/responses/Fault' } },
  }
}
