// How a boot interface brings the deploy ramdisk to a machine: over the network, by one of the loaders, or on a volume that its BMC shows it.
import { bootModeOf } from '../../shared/capabilities.ts'
import { FaultError } from '../../shared/faults.ts'
import { bootPatch } from '../boot/boot-iso.ts'
import type { LoaderFamily } from '../boot/loaders.ts'
import type { BootTicket, InstanceBoot } from '../boot/ticket.ts'
import type { Context, StepContext } from '../driver.ts'
import { type InstanceWay, networkInstance, volumeInstance } from './instance-way.ts'
import type { SiteBoot } from '../site.ts'
import { ISCSI } from '../storage/iscsi-volumes.ts'
import type { RamdiskFiles } from './ramdisk-files.ts'

/** What a ticket has of the way. */
export type Carried = Pick<BootTicket, 'loader' | 'ramdisk' | 'instance' | 'medium'>

export interface BootWay<Info> {
  /** What the machine is set to boot from. */
  readonly device: 'pxe' | 'cdrom' | 'uefihttp'
  /** How it boots instances that are not on a disk; absent: it does not. GRUB and PXELINUX take everything by TFTP, from here; an instance is where its operator has it. */
  readonly instance?: InstanceWay<Info>
  /** Types of volumes in storage systems that are booted so; absent: none. */
  readonly volumeTypes?: readonly string[]
  /** The machine boots a volume. */
  readonly isVolume: boolean
  /**
   * Where the volume is, the machine's BMC alone is told, so that the token of its agent may be on it. What DHCP tells, it tells whoever has the address of
   * a card, as often as asked: there the token is for a lookup, which shows it once.
   */
  readonly isPrivate: boolean
  /** Throws a FaultError. */
  validate?(context: Context<Info>): void
  /** Of a kernel and a ramdisk that the machine fetches itself; absent: it cannot. */
  carryUrls?(boot: InstanceBoot): Carried
  carry(files: RamdiskFiles, kernelArguments: string, isos: SiteBoot['isos']): Promise<Carried>
  /** What is done at the machine's BMC, behind the fence. */
  readonly atBmc?: {
    /** `at`: the path of the volume below the URL where the BMC reaches this conductor, or a URL. Done twice, it changes nothing the second time. */
    attach(context: StepContext<Info>, at: string): Promise<void>
    detach(context: StepContext<Info>): Promise<void>
  }
}

/** UEFI's HTTP boot is no BIOS's. */
function uefiOnly<Info>({ node }: Context<Info>): void {
  if (bootModeOf(node.properties) === 'uefi') return
  throw new FaultError('driver.invalid_info', 'HTTP boot is of UEFI firmware, and this node boots in BIOS mode', {
    hint: 'set boot_mode:uefi among its properties/capabilities, or boot_interface to another one',
  })
}

/** Loaders that DHCP tells of. */
export function networkWay<Info>(loader: LoaderFamily): BootWay<Info> {
  const isHttp = loader === 'http-ipxe'
  return {
    device: isHttp ? 'uefihttp' : 'pxe',
    ...(loader !== 'pxe' && {
      instance: networkInstance<Info>(),
      volumeTypes: [ISCSI],
      carryUrls: (instance: InstanceBoot) => ({ loader, instance }),
    }),
    isVolume: false,
    isPrivate: false,
    ...(isHttp && { validate: uefiOnly }),
    async carry(files, kernelArguments) {
      if ('iso' in files) throw new Error('a volume is not loaded over the network')
      return { loader, ramdisk: { ...files, kernelArguments } }
    },
  }
}

function ofVolume<Info>(overHttp: boolean): Pick<BootWay<Info>, 'isVolume' | 'isPrivate' | 'carry'> {
  return {
    isVolume: true,
    isPrivate: !overHttp,
    async carry(files, kernelArguments, isos) {
      if ('iso' in files) return { medium: { path: files.iso, overHttp } }
      const made = await isos.get(files)
      return { medium: { path: made.path, patch: bootPatch(made, kernelArguments), overHttp } }
    },
  }
}

/** A volume that the machine's BMC shows it. */
export function mediaWay<Info>(atBmc: NonNullable<BootWay<Info>['atBmc']>): BootWay<Info> {
  return { ...ofVolume(false), device: 'cdrom', atBmc, instance: volumeInstance(atBmc) }
}

/** A volume that UEFI's HTTP boot loads: from where DHCP says, or where its BMC was told. */
export function httpWay<Info>(atBmc?: BootWay<Info>['atBmc']): BootWay<Info> {
  return {
    ...ofVolume(atBmc === undefined),
    device: 'uefihttp',
    validate: uefiOnly,
    ...(atBmc && { atBmc, instance: volumeInstance(atBmc) }),
  }
}
