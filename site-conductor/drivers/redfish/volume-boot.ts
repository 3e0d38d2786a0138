// The boot interfaces "redfish-virtual-media" and "redfish-https": the deploy ramdisk on a volume that the BMC shows its machine as a CD, or that the
// machine's HTTP boot loads from where the BMC says. Neither needs DHCP, TFTP or a network loader for that.
import { FaultError } from '../../../shared/faults.ts'
import { httpWay, mediaWay } from '../../deploy/boot-way.ts'
import { ramdiskBoot } from '../../deploy/ramdisk-boot.ts'
import { ejectMedium, insertMedium, isInserted } from '../../redfish/media.ts'
import { mutate, read, type RedfishContext } from './bmc.ts'
import { clearHttpBoot, setHttpBoot } from './boot-device.ts'
import { bmcOf, type RedfishInfo } from './info.ts'
import { all, mediumFor } from './media.ts'
import { until } from './poll.ts'

/** A BMC may look at the image before it says that it has it. */
const INSERTED_WITHIN_MS = 60_000

/** Where the BMC finds what the conductor serves at a path; a URL is one already. */
function urlAt({ driverInfo, site }: RedfishContext, at: string): string {
  if (/^https?:/.test(at)) return at
  const { hostname } = new URL(bmcOf(driverInfo).endpoint.origin)
  const base = driverInfo.external_http_url ?? site.boot?.httpUrlFor(hostname.replace(/^\[|\]$/g, ''))
  return `${base}${at}`
}

async function attach(context: RedfishContext, at: string): Promise<void> {
  const image = urlAt(context, at)
  await mutate(context, async (session, options) => {
    const drive = mediumFor(await all(context, session, options), 'cdrom')
    if (drive === undefined)
      throw new FaultError('driver.unsupported', 'the BMC has no virtual CD drive', {
        hint: 'its firmware or licence may have none; set boot_interface to one that boots over the network',
      })
    await insertMedium(session, drive, image, options)
  })
  const look = async () => {
    const drive = mediumFor(await read(context, (session, options) => all(context, session, options)), 'cdrom')
    return drive !== undefined && isInserted(drive) ? true : undefined
  }
  await until(context, INSERTED_WITHIN_MS, look, () => 'the BMC was given a volume, but says that its drive is empty')
}

async function detach(context: RedfishContext): Promise<void> {
  await mutate(context, async (session, options) => {
    const drive = mediumFor(await all(context, session, options), 'cdrom')
    if (drive !== undefined) await ejectMedium(session, drive, options)
  })
}

export const redfishVirtualMedia = ramdiskBoot<RedfishInfo>(mediaWay({ attach, detach }))

export const redfishHttps = ramdiskBoot<RedfishInfo>(
  httpWay({ attach: (context, at) => setHttpBoot(context, urlAt(context, at)), detach: clearHttpBoot }),
)
