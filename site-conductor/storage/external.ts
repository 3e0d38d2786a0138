// The storage interface `external`: somebody else has made the volumes of the node and lets its machine in; what the machine has to know of them is in the
// properties of its volume targets. Nothing is attached or detached.
import { FaultError } from '../../shared/faults.ts'
import type { Implementation } from '../driver.ts'
import { bootVolumeOf, incompleteVolumes, whyUnbootable } from './boot-volume.ts'

export function externalStorage<Info>(): Record<string, Implementation<Info>> {
  return {
    external: {
      storage: { boots: true },
      validate(context, instanceInfo) {
        const volume = bootVolumeOf(context, instanceInfo)
        if (volume === undefined) return
        const why = [...whyUnbootable(context, volume), ...incompleteVolumes(context)]
        if (why.length > 0)
          throw new FaultError('driver.invalid_info', `the node cannot boot from its volume: ${why.join('; ')}`)
      },
    },
  }
}
