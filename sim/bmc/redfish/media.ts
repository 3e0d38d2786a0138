// Virtual media of the simulated BMC (DSP2046: VirtualMedia), as different firmware has it.
import { MANAGER } from './manager.ts'
import type { Medium, RedfishMachine } from './machine.ts'
import { type Body, collection, done, only, type Outcome, Refusal, type Resource, text } from './resource.ts'
import { SYSTEM } from './system.ts'

export interface MediaQuirks {
  /** Whose they are; `both`: the system's collection is there, and empty. */
  mediaOf: 'manager' | 'system' | 'both'
  /**
   * What InsertMedia wants: anything, the image alone (Supermicro), the protocol beside it; or there is no action, and PATCH does it (Lenovo). `never`: it
   * refuses each image, and repeats it.
   */
  inserting: 'usual' | 'bare' | 'protocol' | 'patch' | 'never'
  /** Looks at a medium until it is shown as inserted. */
  slowMedia: number
  /** Refuses to take anything out. */
  keepsMedia: boolean
}

export const usualMedia: MediaQuirks = { mediaOf: 'manager', inserting: 'usual', slowMedia: 0, keepsMedia: false }

const ALL = ['Image', 'Inserted', 'WriteProtected', 'UserName', 'Password', 'TransferMethod', 'TransferProtocolType']
const TAKES: Readonly<Record<Exclude<MediaQuirks['inserting'], 'patch'>, readonly string[]>> = {
  usual: ALL,
  bare: ['Image'],
  protocol: ALL,
  never: ALL,
}

function insert(medium: Medium, body: Body, quirks: MediaQuirks): Outcome {
  if (medium.image !== null) throw new Refusal(409, 'ResourceInUse', 'there is a medium in it already')
  medium.image = text(body, 'Image')
  medium.hiddenFor = quirks.slowMedia
  return { ...done, detail: `${medium.id} ${medium.image}` }
}

function eject(medium: Medium, { keepsMedia }: MediaQuirks): Outcome {
  if (keepsMedia) throw new Refusal(400, 'GeneralError', 'the medium is in use')
  if (medium.image === null) throw new Refusal(409, 'ResourceMissing', 'there is no medium in it')
  medium.image = null
  return { ...done, detail: medium.id }
}

function shown(path: string, medium: Medium, hasActions: boolean): Record<string, unknown> {
  const isShown = medium.image !== null && medium.hiddenFor-- <= 0
  const action = (name: string) => ({ [`#VirtualMedia.${name}`]: { target: `${path}/Actions/VirtualMedia.${name}` } })
  return {
    '@odata.type': '#VirtualMedia.v1_3_0.VirtualMedia',
    '@odata.id': path,
    Id: medium.id,
    Name: `Virtual ${medium.id}`,
    MediaTypes: medium.mediaTypes,
    Image: isShown ? medium.image : null,
    ImageName: isShown ? (medium.image?.split('/').at(-1) ?? null) : null,
    Inserted: isShown,
    WriteProtected: true,
    ConnectedVia: isShown ? 'URI' : 'NotConnected',
    ...(hasActions && { Actions: { ...action('InsertMedia'), ...action('EjectMedia') } }),
  }
}

export function mediaResources({ media }: RedfishMachine, quirks: MediaQuirks): Record<string, Resource> {
  const place = `${quirks.mediaOf === 'system' ? SYSTEM : MANAGER}/VirtualMedia`
  const collectionAt = (at: string, of: readonly Medium[]): Resource => ({
    what: 'VirtualMediaCollection',
    get: () =>
      collection(
        at,
        'VirtualMedia',
        of.map(({ id }) => `${at}/${id}`),
      ),
  })
  const { inserting } = quirks
  return {
    ...(quirks.mediaOf === 'both' && { [`${SYSTEM}/VirtualMedia`]: collectionAt(`${SYSTEM}/VirtualMedia`, []) }),
    [place]: collectionAt(place, media),
    ...Object.fromEntries(
      media.flatMap((medium): [string, Resource][] => {
        const path = `${place}/${medium.id}`
        const get = () => shown(path, medium, inserting !== 'patch')
        if (inserting === 'patch') {
          const patch = (body: Body) => {
            only(body, ['Image', 'Inserted', 'WriteProtected'])
            return body['Inserted'] === true ? insert(medium, body, quirks) : eject(medium, quirks)
          }
          return [[path, { what: 'VirtualMedia', get, patch }]]
        }
        const insertMedia = (body: Body) => {
          only(body, TAKES[inserting])
          if (inserting === 'protocol' && body['TransferProtocolType'] === undefined)
            throw new Refusal(400, 'ActionParameterMissing', 'TransferProtocolType is missing')
          if (inserting === 'never')
            throw new Refusal(400, 'ActionParameterValueFormatError', `the image ${text(body, 'Image')} cannot be used`)
          return insert(medium, body, quirks)
        }
        return [
          [path, { what: 'VirtualMedia', get }],
          [`${path}/Actions/VirtualMedia.InsertMedia`, { what: 'VirtualMedia.InsertMedia', post: insertMedia }],
          [
            `${path}/Actions/VirtualMedia.EjectMedia`,
            { what: 'VirtualMedia.EjectMedia', post: () => eject(medium, quirks) },
          ],
        ]
      }),
    ),
  }
}
