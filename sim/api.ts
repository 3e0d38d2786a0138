// The public HTTP API, as much of it as simulations and stories need: JSON in and out, errors as exceptions with what the server said.

/** Of Ironic's API; ours hides nothing newer than this. */
const VERSION = '1.110'

export interface ApiNode {
  readonly uuid: string
  readonly name: string | null
  readonly provision_state: string
  readonly target_provision_state: string | null
  readonly power_state: string | null
  readonly last_error: string | null
  readonly reservation: string | null
  readonly maintenance: boolean
  readonly driver_info: Record<string, unknown>
  readonly [field: string]: unknown
}

export interface TimelineEntry {
  readonly id: string
  readonly at: string
  readonly kind: 'event' | 'note'
  readonly type: string
  readonly task: string | null
  readonly step: string | null
  readonly bytes: number | null
  readonly body: Record<string, unknown>
}

export class ApiError extends Error {
  readonly status: number
  readonly body: unknown
  constructor(method: string, path: string, status: number, body: unknown) {
    super(`${method} ${path}: ${status} ${JSON.stringify(body)}`)
    this.status = status
    this.body = body
  }
}

export class Api {
  readonly #url: string
  readonly #token: string
  /** Sees every answer as text: what a canary looks at. */
  onAnswer: (path: string, text: string) => void = () => {}

  constructor(url: string, token: string) {
    this.#url = url
    this.#token = token
  }

  /** `path` begins behind /v1. Undefined for an empty answer. Throws ApiError from 400 on. */
  async call(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${this.#url}/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        'x-openstack-ironic-api-version': VERSION,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    this.onAnswer(path, text)
    const value: unknown = text === '' ? undefined : JSON.parse(text)
    if (!response.ok) throw new ApiError(method, path, response.status, value)
    return value
  }

  async node(ident: string): Promise<ApiNode> {
    return (await this.call('GET', `/nodes/${ident}`)) as ApiNode
  }

  async patchNode(ident: string, values: Record<string, unknown>): Promise<ApiNode> {
    const patch = Object.entries(values).map(([path, value]) => ({ op: 'add', path: `/${path}`, value }))
    return (await this.call('PATCH', `/nodes/${ident}`, patch)) as ApiNode
  }

  async provision(ident: string, target: string, more: Record<string, unknown> = {}): Promise<void> {
    await this.call('PUT', `/nodes/${ident}/states/provision`, { target, ...more })
  }

  async timeline(ident: string): Promise<TimelineEntry[]> {
    const all: TimelineEntry[] = []
    for (let marker = ''; ;) {
      const page = (await this.call('GET', `/nodes/${ident}/timeline?limit=1000${marker}`)) as {
        timeline: TimelineEntry[]
      }
      all.push(...page.timeline)
      if (page.timeline.length < 1000) return all
      marker = `&marker=${page.timeline.at(-1)!.id}`
    }
  }
}
