// iscsi.start_iscsi_target: exports the root disk as LUN 1, to a conductor that writes it. Without CHAP only when asked for in so many words.
import * as z from 'zod'
import { defineCommand } from '../command.ts'
import { eraseMetadata } from '../disk/erase.ts'
import { iqnSchema, targetOf } from '../disk/iscsi-exports.ts'
import { AgentFault } from '../fault.ts'
import { findRootDisk, withRootDisk } from '../steps/root-disk.ts'

const printable = z.string().regex(/^[!-~]+$/, 'printable ASCII without spaces or quotes')
const params = z
  .object({
    iqn: iqnSchema,
    portal_port: z.number().int().min(1).max(65_535).default(3260),
    /** What is to be written: more than the disk has is refused before anything on it changes. */
    bytes: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0),
    /** Erases partition tables and file system signatures first. */
    wipe_disk_metadata: z.boolean().default(false),
    // RFC 7143 §9.2.1: a secret of less than 96 bits is no protection.
    chap: z.object({ username: printable.max(64), secret: z.string().min(12).max(64) }).optional(),
    /** The one address that may log in. */
    initiator: z.union([z.ipv4(), z.ipv6()]).optional(),
    /** Exports without CHAP. Whoever reaches the port can then write the disk. */
    insecure: z.boolean().default(false),
  })
  .refine((given) => given.chap !== undefined || given.insecure, {
    message: 'chap is missing; a disk is exported without it only with insecure: true',
  })

export const startIscsiTarget = defineCommand({
  name: 'iscsi.start_iscsi_target',
  about: 'Exports the root disk as LUN 1 of an iSCSI target; an export from before ends.',
  kind: 'sync',
  params,
  async run(context, { iqn, portal_port, bytes, wipe_disk_metadata: wipe, chap, initiator }) {
    const target = targetOf(context)
    const device = await findRootDisk(context)
    if (bytes > device.sizeBytes)
      throw new AgentFault('DiskTooSmall', `the image has ${bytes} bytes, ${device.path} has ${device.sizeBytes}`)
    // Before anything else is written here: whoever wrote over the last export is shut out.
    await target.stop()
    if (wipe) await withRootDisk(context, { changed: true }, (disk) => eraseMetadata(disk, context.signal))
    // Whoever asks for this command later hears in its result whether the export is still there.
    const result = { iscsi_target_iqn: iqn, portal_port, disk_bytes: device.sizeBytes, ended: null as string | null }
    const onEnd = (why: string) => void (result.ended = why)
    const wanted = { iqn, port: portal_port, path: device.path, chap, initiator, onEnd }
    result.portal_port = await target.start(wanted, context.signal)
    context.log(`${device.path} exported as ${iqn} to ${initiator ?? 'anybody'}${chap ? '' : ' WITHOUT CHAP'}`)
    return result
  },
})
