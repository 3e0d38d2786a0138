// Virtual media of a system's managers, or of the system itself (DSP2046: VirtualMedia).
import { z } from 'zod'
import { members } from './collection.ts'
import { RedfishError } from './errors.ts'
import type { Changing, Reading, Resource } from './requests.ts'
import { Link, type Session } from './session.ts'
import type { ComputerSystem } from './system.ts'

const target = z.object({ target: z.string() }).nullish()
const VirtualMedia = z.object({
  Id: z.string(),
  MediaTypes: z.array(z.string()).default([]),
  Image: z.string().nullish(),
  Inserted: z.boolean().nullish(),
  Actions: z.object({ '#VirtualMedia.InsertMedia': target, '#VirtualMedia.EjectMedia': target }).nullish(),
})
export type Medium = Resource<z.output<typeof VirtualMedia>>
const Manager = z.object({ VirtualMedia: Link.nullish() })

export async function getMedia(session: Session, system: ComputerSystem, options: Reading): Promise<Medium[]> {
  const own = system.VirtualMedia?.['@odata.id']
  const found = own === undefined ? [] : await members(session, own, VirtualMedia, options)
  // A system with an empty collection has its drives at the manager all the same.
  if (found.length > 0) return found
  for (const link of system.Links?.ManagedBy ?? []) {
    const { value } = await session.get(session.path(link['@odata.id']), Manager, options)
    if (value.VirtualMedia)
      found.push(...(await members(session, value.VirtualMedia['@odata.id'], VirtualMedia, options)))
  }
  return found
}

export function isInserted({ value }: Medium): boolean {
  return value.Inserted ?? Boolean(value.Image)
}

/**
 * What BMCs want to be told with the action, one after another where they refuse: all of it; the image alone (Supermicro X11 and X12 refuse what has a
 * default); the protocol beside it, which some insist on (both: sushy, resources/manager/virtual_media.py).
 */
function bodiesFor(image: string): readonly object[] {
  const TransferProtocolType = image.startsWith('https:') ? 'HTTPS' : 'HTTP'
  return [
    { Image: image, Inserted: true, WriteProtected: true },
    { Image: image },
    { Image: image, TransferProtocolType },
  ]
}

/** What else is in it goes out first; the same image stays. */
export async function insertMedium(session: Session, medium: Medium, image: string, options: Changing): Promise<void> {
  if (isInserted(medium) && medium.value.Image === image) return
  await ejectMedium(session, medium, options)
  const action = medium.value.Actions?.['#VirtualMedia.InsertMedia']
  if (!action) {
    await session.patch(medium.path, z.object({}), () => ({ Image: image, Inserted: true }), options)
    return
  }
  let refusal: unknown
  for (const body of bodiesFor(image)) {
    try {
      await session.post(session.path(action.target), body, options)
      return
    } catch (error) {
      if (!(error instanceof RedfishError) || error.kind !== 'refused' || error.status !== 400) throw error
      refusal ??= error
    }
  }
  throw refusal
}

export async function ejectMedium(session: Session, medium: Medium, options: Changing): Promise<void> {
  if (!isInserted(medium)) return
  const action = medium.value.Actions?.['#VirtualMedia.EjectMedia']
  if (action) await session.post(session.path(action.target), {}, options)
  else await session.patch(medium.path, z.object({}), () => ({ Image: null, Inserted: false }), options)
}
