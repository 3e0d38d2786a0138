// Fields of driver_info that say what a node boots as its deploy ramdisk, with Ironic's names but for the checksums. Here they are told and nothing more: what is
// wrong with one is for the boot interface to refuse (deploy/ramdisk-files.ts), so that nobody loses the power of a machine by it.
import { z } from 'zod'

const told = (about: string) => z.unknown().optional().describe(about)
const checksum = told('Its SHA-256 or SHA-512, in hexadecimal; needed where it is fetched')

// prettier-ignore
export const ramdiskInfo = {
  deploy_kernel:           told("URL (http, https, file) of the deploy ramdisk's kernel, with deploy_ramdisk; the conductor's own when absent. Files only in its fileUrlFolders"),
  deploy_kernel_checksum:  checksum,
  deploy_ramdisk:          told('URL of the deploy ramdisk, with deploy_kernel'),
  deploy_ramdisk_checksum: checksum,
  deploy_iso:              told('URL of a volume with a deploy ramdisk, for boot interfaces that boot volumes. It is served as it is: its agent must know where the conductor is'),
  deploy_iso_checksum:     checksum,
}
