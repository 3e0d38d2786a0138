// How a boot interface boots an instance that is not on the machine's disk, at every start of the machine (Ironic's deploy interface `ramdisk`): a kernel and
// a ramdisk over the network, a volume in a storage system, or a volume of its operator that the machine's BMC shows it.
import { FaultError } from '../../shared/faults.ts'
import type { Context, StepContext } from '../driver.ts'
import { volumesToBoot } from '../storage/iscsi-volumes.ts'
import { bootOf, whoOf } from './door.ts'
import { instanceBootOf } from './instance-boot.ts'
import { deployContext } from './task-context.ts'

type Fields = Readonly<Record<string, unknown>>

/** What an instance is on, as the hub says it with the task or in the grant: the UUID of a volume target of the node. */
export const BOOT_VOLUME = 'boot_from_volume'

export interface InstanceWay<Info> {
  /** Throws a FaultError where this instance cannot be booted so. */
  validate(context: Context<Info>, instanceInfo: Fields): void
  /** The machine boots it from its next start on. Done twice, it changes nothing the second time. */
  begin(context: StepContext<Info>): Promise<void>
  /** The same, at a conductor that goes on with a task: what only a conductor holds. */
  goOn(context: StepContext<Info>): Promise<void>
  /** It is booted no more, as far as the door does not see to that. */
  end(context: StepContext<Info>): Promise<void>
}

/** The door tells the machine where its operator, or its storage system, has it. */
export function networkInstance<Info>(): InstanceWay<Info> {
  const kernelOf = (context: Context<Info>, instanceInfo: Fields) =>
    instanceBootOf(instanceInfo, context.driverInfo as Fields)
  const begin = async (context: StepContext<Info>) => {
    const { instance_info: info, attached_volumes: attached } = deployContext(context)
    const { [BOOT_VOLUME]: volume } = info
    const instance =
      typeof volume === 'string' ? volumesToBoot(context.node, volume, context.site, attached) : kernelOf(context, info)
    bootOf(context.site).door.admitInstance({ ...whoOf(context), instance })
  }
  return {
    validate: (context, instanceInfo) => void kernelOf(context, instanceInfo),
    begin,
    goOn: begin,
    end: async () => {},
  }
}

/** The BMC has it: whoever drives the machine. `attach`, `detach`: as for the volume of the deploy ramdisk. */
export function volumeInstance<Info>(atBmc: {
  attach(context: StepContext<Info>, url: string): Promise<void>
  detach(context: StepContext<Info>): Promise<void>
}): InstanceWay<Info> {
  return {
    validate: (_, instanceInfo) => void volumeOf(instanceInfo),
    begin: (context) => atBmc.attach(context, volumeOf(deployContext(context).instance_info)),
    goOn: async () => {},
    async end(context) {
      if (deployContext(context).instance_info['boot_iso'] !== undefined) await atBmc.detach(context)
    },
  }
}

function volumeOf({ boot_iso: url }: Fields): string {
  if (typeof url === 'string' && /^https?:\/\//.test(url) && URL.canParse(url)) return url
  throw new FaultError('request.invalid', 'instance_info.boot_iso must be an http or https URL', {
    hint: 'set it to the URL of a volume that boots, where the BMC can reach it',
  })
}
