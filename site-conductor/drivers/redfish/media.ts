// Virtual media of the BMC, by Ironic's names of devices; and Ironic's vendor method that takes them out.
import { FaultError } from '../../../shared/faults.ts'
import type { StepContext, VendorMethod } from '../../driver.ts'
import { ejectMedium, getMedia, insertMedium, isInserted, type Medium } from '../../redfish/media.ts'
import type { Reading } from '../../redfish/requests.ts'
import type { Session } from '../../redfish/session.ts'
import { withoutMediumPath } from '../../boot/ticket.ts'
import { mutate, read, type RedfishContext, systemOf } from './bmc.ts'
import type { RedfishInfo } from './info.ts'

type Args = Readonly<Record<string, unknown>>

/** Ironic's device → kinds of media, the best first. */
const KINDS: Readonly<Record<string, readonly string[]>> = {
  cdrom: ['CD', 'DVD'],
  floppy: ['Floppy', 'USBStick'],
  disk: ['USBStick'],
}
/** Of the vendor method. */
const BOOT_DEVICES: Readonly<Record<string, string>> = { cd: 'CD', dvd: 'DVD', usb: 'USBStick', floppy: 'Floppy' }

export async function all(context: RedfishContext, session: Session, options: Reading): Promise<Medium[]> {
  return await getMedia(session, (await systemOf(context, session, options)).value, options)
}

function deviceOf({ value }: Medium): string {
  const found = Object.entries(KINDS).find(([, kinds]) => kinds.some((kind) => value.MediaTypes.includes(kind)))
  return found?.[0] ?? value.Id
}

/** The drive for what is inserted as `device`. */
export const mediumFor = (media: readonly Medium[], device: string) =>
  (KINDS[device] ?? [])
    .flatMap((kind) => media.filter(({ value }) => value.MediaTypes.includes(kind)))
    .toSorted((a, b) => Number(deviceOf(b) === device) - Number(deviceOf(a) === device))[0]

export const mediaMethods = {
  async get_virtual_media(context: RedfishContext) {
    const media = await read(context, (session, options) => all(context, session, options))
    return media.filter(isInserted).map((medium) => {
      const { Image: url, MediaTypes: media_types } = medium.value
      const image = url ? withoutMediumPath(url) : null
      // Ironic leaves the form to its drivers. As the API takes it, and as Metal3 reads it: image, media_types.
      return { device_type: deviceOf(medium), image_url: image, image, media_types, inserted: true }
    })
  },
  async attach_virtual_media(context: RedfishContext, args: Args) {
    const [device, url] = [String(args['device_type']), String(args['image_url'])]
    await mutate(context, async (session, options) => {
      const medium = mediumFor(await all(context, session, options), device)
      if (medium === undefined) throw new FaultError('request.invalid', `the BMC has no virtual ${device}`)
      await insertMedium(session, medium, url, options)
    })
  },
  async detach_virtual_media(context: RedfishContext, args: Args) {
    const wanted = args['device_types'] as readonly string[] | undefined
    await eject(context, (medium) => wanted === undefined || wanted.includes(deviceOf(medium)))
  },
}

async function eject(context: RedfishContext, isMeant: (medium: Medium) => boolean): Promise<void> {
  await mutate(context, async (session, options) => {
    for (const medium of await all(context, session, options))
      if (isMeant(medium)) await ejectMedium(session, medium, options)
  })
}

function kindOf(args: Args): string | undefined {
  const device = args['boot_device']
  if (device === undefined || device === null) return undefined
  const kind = typeof device === 'string' ? BOOT_DEVICES[device.toLowerCase()] : undefined
  if (kind !== undefined) return kind
  throw new FaultError('request.invalid', `boot_device must be one of ${Object.keys(BOOT_DEVICES).join(', ')}`)
}

export const mediaVendor: Readonly<Record<string, VendorMethod>> = {
  eject_vmedia: {
    description:
      "Ejects a virtual medium, all of them without arguments. Optional: 'boot_device', one of cd, dvd, usb, floppy",
    http: ['POST'],
    async: true,
    validate: (args) => void kindOf(args),
  },
}

export async function ejectMedia(context: StepContext<RedfishInfo>): Promise<void> {
  const kind = kindOf(context.args)
  await eject(context, ({ value }) => kind === undefined || value.MediaTypes.includes(kind))
}
