// A Cinder of one's own for tests: volumes, and the actions by which they are attached and given back, with the states and the refusals of a real one
// (e2e/cinder compares the two). Handed to a fake Keystone as its service.
import { randomUUID } from 'node:crypto'
import type { FakeAnswer, FakeRequest, FakeService } from '../openstack/fake-keystone.ts'

export interface FakeVolume {
  status: string
  readonly attachments: { readonly server_id: string; readonly attachment_id: string }[]
  readonly metadata: Record<string, string>
  /** What initialize_connection says. */
  readonly connection: { readonly driver_volume_type: string; readonly data: Readonly<Record<string, unknown>> }
  /** Hosts that were told the way and have not been shut out since. */
  readonly connectors: Set<string>
}

type Body = Record<string, Record<string, unknown>>

export class FakeCinder {
  readonly volumes = new Map<string, FakeVolume>()
  /** Actions that were carried out, by name, in their order. */
  readonly log: string[] = []
  /** Of the next question that this says something to, once. */
  answerWith: ((action: string) => FakeAnswer | undefined) | undefined

  add(id: string, connection: FakeVolume['connection']): FakeVolume {
    const volume = { status: 'available', attachments: [], metadata: {}, connection, connectors: new Set<string>() }
    this.volumes.set(id, volume)
    return volume
  }

  readonly service: FakeService = ({ method, path, body }: FakeRequest): FakeAnswer => {
    const [, id = '', part] = /^\/volumes\/([^/]+)(?:\/(action|metadata))?$/.exec(path) ?? []
    const [key = '', args = {}] = Object.entries((body ?? {}) as Body)[0] ?? []
    const action = part === undefined ? 'show' : key.replace(/^os-/, '')
    const other = this.answerWith?.(action)
    if (other !== undefined) {
      this.answerWith = undefined
      return other
    }
    const volume = this.volumes.get(id)
    if (volume === undefined)
      return { status: 404, body: { itemNotFound: { code: 404, message: `Volume ${id} could not be found.` } } }
    if (method === 'GET') return { body: { volume: { id, multiattach: false, ...shown(volume) } } }
    this.log.push(action)
    if (part === 'metadata') return { body: { metadata: Object.assign(volume.metadata, args) } }
    return ACTIONS[action]?.(volume, args) ?? { status: 400 }
  }
}

const shown = ({ status, attachments, metadata }: FakeVolume) => ({ status, attachments, metadata })

const invalid = (why: string): FakeAnswer => ({
  status: 400,
  body: { badRequest: { code: 400, message: `Invalid volume: ${why}` } },
})
const DONE: FakeAnswer = { status: 202 }

const ACTIONS: Readonly<Record<string, (volume: FakeVolume, args: Record<string, unknown>) => FakeAnswer>> = {
  reserve(volume) {
    if (volume.status !== 'available')
      return invalid(`Volume status must be available to reserve, but the status is ${volume.status}.`)
    volume.status = 'attaching'
    return DONE
  },
  unreserve(volume) {
    if (volume.status === 'attaching') volume.status = 'available'
    return DONE
  },
  initialize_connection(volume, { connector }) {
    volume.connectors.add((connector as { host: string }).host)
    return { body: { connection_info: volume.connection } }
  },
  attach(volume, { instance_uuid: server }) {
    if (!volume.attachments.some((each) => each.server_id === server))
      volume.attachments.push({ server_id: String(server), attachment_id: randomUUID() })
    volume.status = 'in-use'
    return DONE
  },
  begin_detaching(volume) {
    if (volume.status !== 'in-use')
      return invalid(
        "Unable to detach volume. Volume status must be 'in-use' and attach_status must be 'attached' to detach.",
      )
    volume.status = 'detaching'
    return DONE
  },
  terminate_connection(volume, { connector }) {
    volume.connectors.delete((connector as { host: string }).host)
    return DONE
  },
  detach(volume, { attachment_id: attachment }) {
    const at = volume.attachments.findIndex((each) => each.attachment_id === attachment)
    if (at === -1)
      return {
        status: 409,
        body: {
          conflictingRequest: {
            code: 409,
            message: 'ConflictNovaUsingAttachment: Detach volume from instance  using the Compute API',
          },
        },
      }
    volume.attachments.splice(at, 1)
    volume.status = 'available'
    return DONE
  },
}
