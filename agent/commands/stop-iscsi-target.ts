// iscsi.stop_iscsi_target: ends one export, named, so that a late order does not end its successor's.
import * as z from 'zod'
import { defineCommand } from '../command.ts'
import { iqnSchema, targetOf } from '../disk/iscsi-exports.ts'
import { withRootDisk } from '../steps/root-disk.ts'

const WIPED_BYTES = 1024 * 1024

export const stopIscsiTarget = defineCommand({
  name: 'iscsi.stop_iscsi_target',
  about: 'Ends the export with all its sessions and stores what was written.',
  kind: 'sync',
  params: z.object({
    iqn: iqnSchema,
    /** What was written is not whole: the start of the disk becomes blank, so that nothing half-written boots. */
    discard: z.boolean().default(false),
  }),
  async run(context, { iqn, discard }) {
    const target = targetOf(context)
    if (target.lastIqn !== iqn) return { stopped: false }
    const stopped = await target.stop()
    await withRootDisk(context, { changed: discard }, async (disk) => {
      if (discard) await disk.zero(0, Math.min(WIPED_BYTES, disk.sizeBytes))
      await disk.flush()
    })
    return { stopped }
  },
})
