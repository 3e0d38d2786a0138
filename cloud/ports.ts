// The four ports through which the cloud meets its platform, and nothing else differs between hosts (Workers, Node).
// Core code imports neither node: nor cloudflare: and never asks where it runs.
import type { Env } from '../shared/env.ts'
import type { UpgradeIdentity } from '../shared/upgrade.ts'
import type { CommandResult, HubCommand } from './site-hub/commands.ts'

export type SqlValue = string | number | null
export type Row = SqlValue[]
export interface Statement {
  readonly sql: string
  readonly args: readonly SqlValue[]
}

/** One libSQL database. */
export interface Sql {
  /** Rows as arrays in the order of the columns asked for. */
  all(sql: string, args?: readonly SqlValue[]): Promise<Row[]>
  /** All statements in one write transaction, or none. Answers the rows of each (of RETURNING). Durable when it resolves. */
  batch(statements: readonly Statement[]): Promise<Row[][]>
}

/** store: one database per organisation, and a small directory of organisations, tokens and conductors' keys. */
export interface Store {
  readonly directory: Sql
  organisation(id: string): Sql
}

export interface SiteRef {
  readonly organisation: string
  readonly site: string
}

/** Is told after each commit of a hub that it watches; level, not edge: what was committed is read from the rows. */
export interface Watcher {
  /** `nodes`: those whose rows changed. */
  changed(nodes: readonly string[]): void
  /** Nothing will be told any more. */
  ended(): void
}

export interface Watch {
  close(): void
}

/** hub: the way to the one writer of a site's rows. */
export interface HubPort {
  command(site: SiteRef, command: HubCommand): Promise<CommandResult>
  /** Takes over a conductor's upgrade request, whose signature was checked. Node's host answers it outside of fetch. */
  connect(site: SiteRef, upgrade: UpgradeIdentity, request: Request): Promise<Response>
  /** Whatever is committed after it resolved is told. Throws when there are too many already. */
  watch(sites: readonly SiteRef[], watcher: Watcher): Promise<Watch>
}

/** blobs: config drives, inspection data, logs. Keys are paths without leading slash; values up to 64 MiB. */
export interface Blobs {
  put(key: string, value: Uint8Array): Promise<void>
  get(key: string): Promise<Uint8Array | null>
  delete(key: string): Promise<void>
}

/** alarm: wakes the hub of a site at the earliest due time (ms since 1970); null clears it. */
export interface Alarm {
  set(at: number | null): Promise<void>
}

/** Streams and waiting requests at once: of a server, and where a hub is an object of its own, of a site. */
export const MAX_WATCHERS = 1000

/** Ironic tries three times, a second apart (node_locked_retry_attempts, node_locked_retry_interval). */
export const LOCK_WAIT_MS = 2000

/** What a request handler gets. Built per request on Workers, once on Node. */
export interface Ports {
  readonly env: Env
  readonly store: Store
  readonly hub: HubPort
  readonly blobs: Blobs
  /** Requests need no token (a server on loopback for development only). */
  readonly noAuth: boolean
  /** How long a change of a node waits for the task that has it locked before it is refused. */
  readonly lockWaitMs: number
  /** Work that goes on after the answer; it must not reject. The process outlives it where that can be had. */
  background(work: Promise<void>): void
  log(level: 'info' | 'warn' | 'error', event: string, fields?: Record<string, unknown>): void
}

/** A conductor's socket, as the hub sees it. `attachment` survives hibernation (≤ 2 KiB of JSON). */
export interface Peer {
  readonly conductor: string
  attachment: unknown
  send(frame: string): void
  close(code: number, reason: string): void
}
