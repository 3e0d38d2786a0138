// From instance_info to what a machine boots over the network as its instance (Ironic's deploy interface `ramdisk`): a kernel and a ramdisk of an
// operator, with arguments.
import { FaultError } from '../../shared/faults.ts'
import { checkKernelArguments } from '../boot/kernel-arguments.ts'
import { checkInstanceUrl, type KernelInstance } from '../boot/ticket.ts'

/** As Ironic's script has them; an operator's own arguments come behind, and win. */
const ALWAYS = 'root=/dev/ram0 text'

type Fields = Readonly<Record<string, unknown>>

/** Throws a FaultError that says what is missing or cannot be. */
export function instanceBootOf(instanceInfo: Fields, driverInfo: Fields): KernelInstance {
  const text = (from: Fields, name: string) => (typeof from[name] === 'string' ? from[name].trim() : '')
  const [kernel, ramdisk] = [text(instanceInfo, 'kernel'), text(instanceInfo, 'ramdisk')]
  const missing = Object.entries({ kernel, ramdisk }).filter(([, value]) => value === '')
  if (missing.length > 0)
    throw new FaultError('request.invalid', `instance_info has no ${missing.map(([name]) => name).join(' and no ')}`, {
      hint: 'set kernel and ramdisk to the URLs of what the machine shall boot; boot_iso takes a boot interface of virtual media',
    })
  const kernelArguments = [
    ALWAYS,
    text(driverInfo, 'kernel_append_params').replaceAll('%default%', '').trim(),
    text(instanceInfo, 'ramdisk_kernel_arguments'),
  ]
    .filter(Boolean)
    .join(' ')
  checked('kernel', () => checkInstanceUrl(kernel))
  checked('ramdisk', () => checkInstanceUrl(ramdisk))
  checked('ramdisk_kernel_arguments', () => checkKernelArguments(kernelArguments))
  return { kernel, ramdisk, kernelArguments }
}

function checked(field: string, check: () => void): void {
  try {
    check()
  } catch (cause) {
    throw new FaultError('request.invalid', `instance_info.${field}: ${(cause as Error).message}`, { cause })
  }
}
