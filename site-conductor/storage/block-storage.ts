// What is asked of Cinder (Block Storage API v3): a volume, and the actions by which it becomes a node's and is given back. They are those of microversion 3.0, which
// every Cinder has.
import { z } from 'zod'
import type { OpenStack, ServiceName } from '../openstack/client.ts'
import { isStatus, OpenStackError } from '../openstack/errors.ts'
import { pathOf } from '../openstack/path-of.ts'

export const CINDER: ServiceName = { name: 'Cinder', types: ['block-storage', 'volumev3', 'volume'] }

const Volume = z.object({
  status: z.string(),
  multiattach: z.boolean().default(false),
  metadata: z.record(z.string(), z.string()).catch({}),
  attachments: z.array(z.object({ server_id: z.string().nullable(), attachment_id: z.string() })).default([]),
})
export type Volume = z.output<typeof Volume>

const Connection = z.object({ driver_volume_type: z.string(), data: z.record(z.string(), z.unknown()) })
export type Connection = z.output<typeof Connection>

/** By what a storage system knows the node. */
export interface Connector {
  readonly host: string
  readonly initiator?: string
  readonly ip?: string
  readonly wwpns?: readonly string[]
  readonly wwnns?: readonly string[]
  readonly multipath?: true
}

export interface BlockStorage {
  /** Undefined: there is none of this id (any more). */
  find(volume: string): Promise<Volume | undefined>
  /** `available` becomes `attaching`; otherwise it is refused. */
  reserve(volume: string): Promise<void>
  unreserve(volume: string): Promise<void>
  /** The way to its blocks. Asked again for the same connector, it says the same again. */
  initialize(volume: string, connector: Connector): Promise<Connection>
  /** `attaching` becomes `in-use`, by `server`. */
  attach(volume: string, server: string): Promise<void>
  /** `in-use` becomes `detaching`. */
  beginDetaching(volume: string): Promise<void>
  terminate(volume: string, connector: Connector): Promise<void>
  /** `detaching` becomes `available`. */
  detach(volume: string, attachment: string): Promise<void>
  /** Merged into what it has. */
  describe(volume: string, metadata: Readonly<Record<string, string>>): Promise<void>
}

/** `before`: the last-moment check of each change. Throws OpenStackErrors. */
export function blockStorage(
  openstack: OpenStack,
  { signal, before }: { readonly signal: AbortSignal; readonly before: () => void },
): BlockStorage {
  const { ask } = openstack.service(CINDER)
  const at = (volume: string) => pathOf('volumes', volume)
  const act = async (volume: string, action: string, body: object = {}) =>
    await ask('POST', `${at(volume)}/action`, { body: { [`os-${action}`]: body }, signal, before })
  return {
    async find(volume) {
      try {
        return readAs(Volume, 'volume', await ask('GET', at(volume), { signal }))
      } catch (error) {
        if (isStatus(error, 404)) return undefined
        throw error
      }
    },
    reserve: async (volume) => void (await act(volume, 'reserve')),
    unreserve: async (volume) => void (await act(volume, 'unreserve')),
    initialize: async (volume, connector) =>
      readAs(Connection, 'connection_info', await act(volume, 'initialize_connection', { connector })),
    attach: async (volume, server) =>
      void (await act(volume, 'attach', { instance_uuid: server, mountpoint: 'ironic_mountpoint', mode: 'rw' })),
    beginDetaching: async (volume) => void (await act(volume, 'begin_detaching')),
    terminate: async (volume, connector) => void (await act(volume, 'terminate_connection', { connector })),
    detach: async (volume, attachment) => void (await act(volume, 'detach', { attachment_id: attachment })),
    describe: async (volume, metadata) =>
      void (await ask('POST', `${at(volume)}/metadata`, { body: { metadata }, signal, before })),
  }
}

function readAs<Schema extends z.ZodType>(schema: Schema, key: string, answer: unknown): z.output<Schema> {
  const parsed = schema.safeParse((answer as Record<string, unknown> | undefined)?.[key])
  if (parsed.success) return parsed.data
  throw new OpenStackError('openstack.refused', `Cinder answered without a ${key} that could be read`)
}
