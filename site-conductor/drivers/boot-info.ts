// Fields of driver_info that are about booting, for every driver whose machines boot a ramdisk (Ironic's names, but for the checksums).
import { z } from 'zod'
import { PERSISTENCE } from '../deploy/boot-device.ts'

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

// prettier-ignore
export const bootInfo = {
  deploy_kernel:           file.describe("URL of the deploy ramdisk's kernel, with deploy_ramdisk; the conductor's own when absent. file URLs only in its fileUrlFolders"),
  deploy_kernel_checksum:  checksum.describe('Its SHA-256 or SHA-512; needed where it is fetched'),
  deploy_ramdisk:          file.describe('URL of the deploy ramdisk, with deploy_kernel'),
  deploy_ramdisk_checksum: checksum.describe('Its SHA-256 or SHA-512; needed where it is fetched'),
  deploy_iso:              file.describe('URL of a volume with a deploy ramdisk, for boot interfaces that boot volumes. It is served as it is: its agent must know where the conductor is'),
  deploy_iso_checksum:     checksum.describe('Its SHA-256 or SHA-512; needed where it is fetched'),
  kernel_append_params:    z.string().max(2047).optional().describe("Arguments for the kernel of the deploy ramdisk instead of the conductor's, which %default% among them stands for"),
  force_persistent_boot_device: z.preprocess((value) => (value === undefined ? value : persistenceOf(value)), z.enum(PERSISTENCE, `must be ${PERSISTENCE.join(', ')}`).optional())
                           .describe('Always: each boot device that is set stays; Never: each is for one start; Default: as is best'),
}
