// ssh.stop_server: nobody logs in any more, and nothing of a login runs.
import * as z from 'zod'
import { defineCommand } from '../command.ts'
import { moveGptMirrorToEnd } from '../disk/partition-table.ts'
import { withRootDisk } from '../steps/root-disk.ts'

export const stopSshServer = defineCommand({
  name: 'ssh.stop_server',
  about:
    'Ends the SSH server with its logins. Where they have written an image, the mirror of its partition table is moved to the end of the root disk.',
  kind: 'sync',
  params: z.object({ written: z.boolean().default(false) }),
  async run(context, { written }) {
    await context.machine.ssh?.stop()
    if (!written) return undefined
    await withRootDisk(context, { changed: true }, async (disk) => {
      await moveGptMirrorToEnd(disk)
      await disk.flush()
    })
    return undefined
  },
})
