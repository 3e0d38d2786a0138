// What a granted machine boots when no task says it: the disk, or what its instance is (a kernel and a ramdisk, a volume). From the grant alone, so that a conductor that restarts or takes
// a node over knows it at once, and one that has lost its lease knows nothing.
import { toFault } from '../../shared/faults.ts'
import type { Grant } from '../../shared/protocol.ts'
import type { Resident } from '../boot/residents.ts'
import { bootAddress } from '../boot/ticket.ts'
import { instanceBootOf } from '../deploy/instance-boot.ts'
import { BOOT_VOLUME } from '../deploy/instance-way.ts'
import type { Grants } from '../link/grants.ts'
import type { Log } from '../log.ts'
import type { Site } from '../site.ts'
import { volumesToBoot } from '../storage/iscsi-volumes.ts'
import type { Tasks } from './tasks.ts'

export interface Driven {
  readonly site: Pick<Site, 'open'>
  readonly grants: Pick<Grants, 'all'>
  readonly tasks: Pick<Tasks, 'bootsRamdisk' | 'isPending'>
  readonly log: Log
  /** Does another DHCP server give the machine its address? */
  readonly hasOtherDhcp?: (grant: Grant) => boolean
}

/** Undefined: nobody's, or a task has the say. */
export function residentAt(mac: string, { grants, tasks, log, site, hasOtherDhcp }: Driven): Resident | undefined {
  for (const { grant } of grants.all()) {
    if (!grant.ports.some(({ address }) => address.toLowerCase() === mac)) continue
    // While a task runs, only its steps say what boots. An instance is booted before the hub has said what comes of the task that started it, and
    // while one runs that has no other plans for the machine: a power cycle, new settings.
    if (grant.instanceBoot ? tasks.bootsRamdisk(grant.node) : tasks.isPending(grant.node)) continue
    return residentOf(hasOtherDhcp?.(grant) ? { ...grant, address: null } : grant, log, site)
  }
  return undefined
}

function residentOf(grant: Grant, log: Log, site: Driven['site']): Resident | undefined {
  const { node, address, instanceBoot, driverInfo, ports } = grant
  const resident = { node, address: address && bootAddress(address) }
  // What the BMC shows the machine is, like its disk, nothing that the network tells it.
  if (instanceBoot === undefined || isMedium(instanceBoot)) return resident
  const isOnlyCard = ports.filter(({ pxeEnabled }) => pxeEnabled).length <= 1
  try {
    const { [BOOT_VOLUME]: volume } = instanceBoot
    const instance =
      volume === undefined ? instanceBootOf(instanceBoot, driverInfo) : volumesToBoot(grant, volume, site)
    return { ...resident, instance, isOnlyCard }
  } catch (error) {
    log.warn('an instance cannot be booted over the network', { node, why: toFault(error).message })
    return undefined
  }
}

const isMedium = (fields: NonNullable<Grant['instanceBoot']>) => 'boot_iso' in fields && !('kernel' in fields)
