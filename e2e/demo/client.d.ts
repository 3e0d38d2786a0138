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
export declare class Client {
  #private
  constructor(url: string, token?: string)
  /** Throws an Error with the server's message and hint when the answer is not a success. */
  call<T>(method: string, path: string, body?: unknown): Promise<T>
  node(uuid: string): Promise<Node>
  timeline(uuid: string): Promise<TimelineEntry[]>
  provision(uuid: string, target: string, more?: Record<string, unknown>): Promise<void>
  /** Waits for a state. Throws at a failed state, with last_error, and when `timeoutMs` is over. */
  waitFor(uuid: string, state: string, timeoutMs: number, signal?: AbortSignal): Promise<Node>
}
