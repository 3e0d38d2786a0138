// A person's client of the public API, as small as the demo needs: JSON in and out, errors with their hint.

export interface Node {
  readonly uuid: string
  readonly provision_state: string
  readonly target_provision_state: string | null
  readonly power_state: string | null
  readonly last_error: string | null
  readonly reservation: string | null
}

/** One line of `GET /v1/nodes/{id}/timeline`. */
export interface TimelineEntry {
  readonly id: string
  /** ISO 8601. */
  readonly at: string
  readonly kind: 'event' | 'note'
  readonly type: string
  readonly body: Record<string, unknown>
}

export class Client {
  readonly #url: string
  readonly #token: string | undefined

  constructor(url: string, token?: string) {
    this.#url = url
    this.#token = token
  }

  /** Throws an Error with the server's message and hint when the answer is not a success. */
  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const headers: Record<string, string> = {
      'X-OpenStack-Ironic-API-Version': 'latest',
      'Content-Type': 'application/json',
    }
    if (this.#token) headers['Authorization'] = `Bearer ${this.#token}`
    const response = await fetch(this.#url + path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (response.ok) return (text === '' ? null : JSON.parse(text)) as T
    throw new Error(`${method} ${path}: ${response.status} ${explain(text)}`)
  }

  async node(uuid: string): Promise<Node> {
    return this.call<Node>('GET', `/v1/nodes/${uuid}`)
  }

  async timeline(uuid: string): Promise<TimelineEntry[]> {
    return (await this.call<{ timeline: TimelineEntry[] }>('GET', `/v1/nodes/${uuid}/timeline?limit=1000`)).timeline
  }

  async provision(uuid: string, target: string, more: Record<string, unknown> = {}): Promise<void> {
    await this.call('PUT', `/v1/nodes/${uuid}/states/provision`, { target, ...more })
  }

  /** Waits for a state. Throws at a failed state, with last_error, and when `timeoutMs` is over. */
  async waitFor(uuid: string, state: string, timeoutMs: number, signal?: AbortSignal): Promise<Node> {
    const end = Date.now() + timeoutMs
    for (;;) {
      const node = await this.node(uuid)
      if (node.provision_state === state && node.reservation === null) return node
      if (node.last_error !== null && node.reservation === null)
        throw new Error(`${node.provision_state}: ${node.last_error}`)
      if (Date.now() > end)
        throw new Error(`the node is still in state ${node.provision_state} after ${timeoutMs / 1000} s, not ${state}`)
      signal?.throwIfAborted()
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  }
}

function explain(text: string): string {
  try {
    const body = JSON.parse(text) as { detail?: string; hint?: string; error_message?: string }
    return [body.detail ?? body.error_message ?? text, body.hint].filter(Boolean).join(' Next: ')
  } catch {
    return text.slice(0, 500)
  }
}
