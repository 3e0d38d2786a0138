// iscsi.finish_disk: what write_image does after the image, for a disk that was written over iSCSI and whose digest is right.
import * as z from 'zod'
import { defineCommand } from '../command.ts'
import { iqnSchema, requireEnded } from '../disk/iscsi-exports.ts'
import { moveGptMirrorToEnd } from '../disk/partition-table.ts'
import { withRootDisk } from '../steps/root-disk.ts'

export const finishDisk = defineCommand({
  name: 'iscsi.finish_disk',
  about: 'Moves the mirror of the partition table to the end of the root disk and lets the kernel read it.',
  kind: 'sync',
  params: z.object({ iqn: iqnSchema }),
  async run(context, { iqn }) {
    requireEnded(context, iqn)
    await withRootDisk(context, { changed: true }, async (disk) => {
      await moveGptMirrorToEnd(disk)
      await disk.flush()
    })
    return undefined
  },
})
