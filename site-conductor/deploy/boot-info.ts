// Fields of driver_info that are about booting (Ironic's names, but for the checksums): told by every driver (drivers/common-info.ts), and looked at by
// what uses them, so that nobody loses the power of a machine by one of them.
import { z } from 'zod'
import { FaultError } from '../../shared/faults.ts'
import type { Context } from '../driver.ts'

/** Ironic's `Default`: as the plan has it. */
export const PERSISTENCE = ['Always', 'Default', 'Never'] as const

const file = z.url({ protocol: /^(https?|file)$/, error: 'must be an http, https or file URL' }).optional()
const checksum = z
  .string()
  .regex(/^([0-9a-f]{64}|[0-9a-f]{128})$/i, 'must be a SHA-256 or SHA-512 in hexadecimal')
  .optional()

/** Ironic takes any case, and what older releases had: true and false. */
function persistenceOf(value: unknown): unknown {
  const word = String(value).toLowerCase()
  if (word === 'true') return 'Always'
  if (word === 'false') return 'Default'
  return PERSISTENCE.find((each) => each.toLowerCase() === word) ?? value
}

const bootInfo = z.object({
  deploy_kernel: file,
  deploy_kernel_checksum: checksum,
  deploy_ramdisk: file,
  deploy_ramdisk_checksum: checksum,
  deploy_iso: file,
  deploy_iso_checksum: checksum,
  kernel_append_params: z.string('must be a text').max(2047, 'has more than 2047 characters').optional(),
  force_persistent_boot_device: z
    .preprocess(persistenceOf, z.enum(PERSISTENCE, `must be one of ${PERSISTENCE.join(', ')}`))
    .optional(),
})
export type BootInfo = z.output<typeof bootInfo>

/** Throws a FaultError that names the field. */
export function bootInfoOf({ driverInfo }: Pick<Context<unknown>, 'driverInfo'>): BootInfo {
  const given = Object.entries(driverInfo ?? {}).filter(([, value]) => value !== null && value !== undefined)
  const parsed = bootInfo.safeParse(Object.fromEntries(given))
  if (parsed.success) return parsed.data
  const { path, message } = parsed.error.issues[0]!
  throw new FaultError('driver.invalid_info', `driver_info.${path.join('.')} ${message}`)
}
