// How a boot interface brings the deploy ramdisk to a machine: over the network, by one of the loaders, or on a volume that its BMC shows it.
import type { BootIso } from '../boot/boot-iso.ts'
import { bootPatch } from '../boot/boot-iso.ts'
import type { LoaderFamily } from '../boot/loaders.ts'
import type { BootTicket } from '../boot/ticket.ts'
import type { Context, StepContext } from '../driver.ts'
import type { SiteBoot } from '../site.ts'

/** What a ticket has of the way. */
export type Carried = Pick<BootTicket, 'loader' | 'ramdisk' | 'medium'>
type Files = SiteBoot['ramdisk']

export interface BootWay<Info> {
  /** What the machine is set to boot from. */
  readonly device: 'pxe' | 'cdrom' | 'uefihttp'
  /** Of the kernel, beside those of every boot. */
  kernelArguments(token: string): string
  /** Can an instance be booted in this way, as often as it starts? GRUB and PXELINUX take everything by TFTP, from here; an instance is where its operator has it. */
  readonly bootsInstances: boolean
  /** The agent's token comes with its ramdisk, and is shown to nobody who asks. */
  readonly carriesToken: boolean
  /** Throws a FaultError. */
  validate?(context: Context<Info>): void
  carry(files: Files, kernelArguments: string, iso: (files: Files) => Promise<BootIso>): Promise<Carried>
  /** What is done at the machine's BMC, behind the fence. */
  readonly atBmc?: {
    /** `path`: of the volume, below the URL where the BMC reaches this conductor. Done twice, it changes nothing the second time. */
    attach(context: StepContext<Info>, path: string): Promise<void>
    detach(context: StepContext<Info>): Promise<void>
  }
}

export function networkWay<Info>(loader: LoaderFamily): BootWay<Info> {
  return {
    device: 'pxe',
    bootsInstances: loader === 'ipxe',
    carriesToken: false,
    kernelArguments: () => '',
    carry: async (files, kernelArguments) => ({ loader, ramdisk: { ...files, kernelArguments } }),
  }
}

export function volumeWay<Info>({
  device,
  validate,
  ...atBmc
}: Pick<BootWay<Info>, 'device' | 'validate'> & NonNullable<BootWay<Info>['atBmc']>): BootWay<Info> {
  return {
    device,
    bootsInstances: false,
    carriesToken: true,
    kernelArguments: (token) => `boot_method=vmedia ipa-agent-token=${token}`,
    ...(validate && { validate }),
    async carry(files, kernelArguments, iso) {
      const made = await iso(files)
      return { medium: { path: made.path, patch: bootPatch(made, kernelArguments) } }
    },
    atBmc,
  }
}
