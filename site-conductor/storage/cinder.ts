// The storage interface `cinder`: the volumes of a node are Cinder's, which is told for whom they are and tells the way to them. What it tells becomes the properties
// of the node's volume targets, its secrets sealed.
import { capabilitiesOf } from '../../shared/capabilities.ts'
import { FaultError } from '../../shared/faults.ts'
import type { Grant } from '../../shared/protocol.ts'
import type { Implementation, StepContext } from '../driver.ts'
import { attachVolumes, detachVolumes, openstackOf } from './attachments.ts'
import { bootVolumeOf, isTrue, whyUnbootable } from './boot-volume.ts'
import { ISCSI } from './iscsi-volumes.ts'

const FIBRE_CHANNEL = 'fibre_channel'

export function cinderStorage<Info>(): Record<string, Implementation<Info>> {
  return {
    cinder: {
      storage: { boots: true },
      validate(context, instanceInfo) {
        openstackOf(context)
        const volume = bootVolumeOf(context, instanceInfo)
        const why = [...whyUnattachable(context.node), ...(volume ? whyUnbootable(context, volume) : [])]
        if (why.length > 0)
          throw new FaultError(
            'driver.invalid_info',
            `the node cannot have its volumes: ${[...new Set(why)].join('; ')}`,
          )
      },
      steps: {
        async attach_volumes(context) {
          const found = await attachVolumes(context as StepContext<unknown>, openstackOf(context))
          return { context: { reserved_volumes: null }, facts: { volume_targets: found } }
        },
        async detach_volumes(context) {
          await detachVolumes(context as StepContext<unknown>, openstackOf(context), context.args['required'] !== false)
          return { context: { attached_volumes: null, reserved_volumes: null } }
        },
      },
    },
  }
}

/** As Ironic has it. */
function whyUnattachable({ properties, volumes }: Grant): string[] {
  const { targets = [], connectors = [] } = volumes ?? {}
  const count = (type: string) => connectors.filter((each) => each.type === type).length
  const { iscsi_boot: boots } = capabilitiesOf(properties)
  const why: string[] = []
  if (count('iqn') === 0 && (isTrue(boots) || targets.some(({ type }) => type === ISCSI)))
    why.push('it has no name for iSCSI: POST /v1/volume/connectors with type iqn')
  if (count('wwpn') !== count('wwnn'))
    why.push(
      `Fibre Channel takes as many connectors of type wwnn as of type wwpn, and it has ${count('wwnn')} and ${count('wwpn')}`,
    )
  for (const { uuid, type } of targets) {
    if (type === FIBRE_CHANNEL && count('wwpn') === 0)
      why.push(`volume target ${uuid} is of type ${type}, and the node has no connector of type wwpn`)
    if (type !== ISCSI && type !== FIBRE_CHANNEL)
      why.push(`volume target ${uuid} is of type ${type}: it must be ${ISCSI} or ${FIBRE_CHANNEL}`)
  }
  return why
}
