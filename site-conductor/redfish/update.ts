// Firmware: what there is (UpdateService.FirmwareInventory), and SimpleUpdate, by which the BMC fetches an image itself (DSP2046: UpdateService).
import { z } from 'zod'
import { memberPaths } from './collection.ts'
import { RedfishError } from './errors.ts'
import type { Changing, Reading } from './requests.ts'
import { Link, type Session } from './session.ts'
import type { Answer } from './wire.ts'

const text = z.string().nullish()
const UpdateService = z.object({
  FirmwareInventory: Link.nullish(),
  Actions: z
    .object({
      '#UpdateService.SimpleUpdate': z
        .object({ target: z.string(), 'TransferProtocol@Redfish.AllowableValues': z.array(z.string()).nullish() })
        .nullish(),
    })
    .nullish(),
})
const SoftwareInventory = z.object({
  Id: z.string(),
  Name: text,
  Version: text,
  Manufacturer: text,
  Updateable: z.boolean().nullish(),
})

export interface Firmware {
  readonly path: string
  readonly id: string
  readonly name: string
  readonly version: string
  readonly vendor: string | undefined
  readonly isUpdateable: boolean
}

async function service(session: Session, options: Reading): Promise<z.output<typeof UpdateService>> {
  const { UpdateService: link } = await session.root(options)
  if (!link) throw new RedfishError('missing', 'the BMC has no update service')
  return (await session.get(session.path(link['@odata.id']), UpdateService, options)).value
}

/** Those with a version. */
export async function getFirmware(session: Session, options: Reading): Promise<Firmware[]> {
  const { FirmwareInventory: link } = await service(session, options)
  const found: Firmware[] = []
  for (const path of link ? await memberPaths(session, link['@odata.id'], options) : []) {
    const { value } = await session.get(path, SoftwareInventory, options)
    if (!value.Version) continue
    found.push({
      path,
      id: value.Id,
      name: value.Name ?? value.Id,
      version: value.Version,
      vendor: value.Manufacturer ?? undefined,
      isUpdateable: value.Updateable !== false,
    })
  }
  return found
}

/** Tells the BMC to fetch `url` and to write it to `targets`. */
export async function simpleUpdate(
  session: Session,
  { url, targets }: { url: string; targets: readonly string[] },
  options: Changing,
): Promise<Answer> {
  const action = (await service(session, options)).Actions?.['#UpdateService.SimpleUpdate']
  if (!action) throw new RedfishError('missing', 'the BMC cannot fetch an update by itself')
  const body = { ImageURI: url, ...(targets.length > 0 && { Targets: targets }) }
  return await session.post(session.path(action.target), body, options)
}
