// Is an instance to be booted from a volume, and can it be? The hub settles the first for a deployment that begins (cloud/provision/volumes.ts); here is asked what
// would come of one, before that.
import { capabilitiesOf } from '../../shared/capabilities.ts'
import type { VolumeTarget } from '../../shared/protocol.ts'
import type { Context } from '../driver.ts'
import { flawsOf, flawsTogether, ISCSI } from './iscsi-volumes.ts'

type Fields = Readonly<Record<string, unknown>>
type Asked = Pick<Context<unknown>, 'node' | 'other'>

/** The volume that the machine would boot with this instance; undefined: an image is written, or nothing is. */
export function bootVolumeOf({ node, other }: Asked, instanceInfo: Fields | undefined): VolumeTarget | undefined {
  const image = instanceInfo?.['image_source']
  if (instanceInfo === undefined || (image !== undefined && image !== null)) return undefined
  if (!other('storage')?.storage?.boots || !other('deploy')?.deployment?.core.includes('write_image')) return undefined
  return node.volumes?.targets.find(({ bootIndex }) => bootIndex === 0)
}

/** Everything that keeps the machine from booting the volume, as far as the node says it. */
export function whyUnbootable(context: Asked, volume: VolumeTarget): string[] {
  const { node, other } = context
  const { type, uuid } = volume
  const bootable = other('boot')?.volumeTypes ?? []
  const why: string[] = []
  if (type !== ISCSI)
    why.push(`volume target ${uuid} is of type ${type}, and machines boot volumes of type ${ISCSI} only`)
  else if (!isTrue(capabilitiesOf(node.properties)['iscsi_boot']))
    why.push('its machine is not known to boot from iSCSI: add iscsi_boot:True to properties/capabilities')
  if (!bootable.includes(ISCSI))
    why.push(
      `boot interface ${node.interfaces['boot'] ?? ''} boots no volumes: set boot_interface to ipxe or http-ipxe`,
    )
  return [...why, ...flawsTogether(node, volume)]
}

/** What is incomplete of those volumes of the node that a machine reaches by iSCSI. */
export function incompleteVolumes({ node }: Asked): string[] {
  return (node.volumes?.targets ?? []).filter(({ type }) => type === ISCSI).flatMap(flawsOf)
}

export const isTrue = (value: string | undefined) => /^(true|yes|on|1)$/i.test(value ?? '')
