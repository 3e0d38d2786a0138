// The storage interface `external`: somebody else has made the volumes of the node and lets its machine in; what the machine has to know of them is in the
// properties of its volume targets. Nothing is attached or detached.
import type { Implementation } from '../driver.ts'
import { bootVolumeOf, incompleteVolumes, refuseUnbootable } from './boot-volume.ts'

export function externalStorage<Info>(): Record<string, Implementation<Info>> {
  return {
    external: {
      storage: { boots: true },
      validate(context, instanceInfo) {
        const volume = bootVolumeOf(context, instanceInfo)
        if (volume !== undefined) refuseUnbootable(context, volume, incompleteVolumes(context))
      },
    },
  }
}
