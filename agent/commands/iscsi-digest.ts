// iscsi.digest: reads back what was written over iSCSI and says its digest. The bytes come from the disk: past the page cache, after a flush.
import * as z from 'zod'
import { defineCommand } from '../command.ts'
import { alignedBuffer, CHUNK_BYTES } from '../disk/aligned.ts'
import { startHashThread } from '../disk/hash-thread.ts'
import { iqnSchema, requireEnded } from '../disk/iscsi-exports.ts'
import { AgentFault } from '../fault.ts'
import { withRootDisk } from '../steps/root-disk.ts'

/** Reads past the cache start and end on these boundaries. */
const ALIGN_BYTES = 4096

export const digestDisk = defineCommand({
  name: 'iscsi.digest',
  about: 'Reads the first bytes of the root disk and answers their digest.',
  kind: 'async',
  params: z.object({
    iqn: iqnSchema,
    bytes: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
    algorithm: z.enum(['sha256', 'sha512']),
  }),
  async run(context, { iqn, bytes, algorithm }) {
    requireEnded(context, iqn)
    const { signal, progress } = context
    return withRootDisk(context, { changed: false }, async (disk) => {
      if (bytes > disk.sizeBytes)
        throw new AgentFault('DiskReadError', `${disk.path} has ${disk.sizeBytes} bytes, not ${bytes}`)
      await disk.flush()
      const hash = startHashThread(algorithm)
      // While one chunk is hashed the next is read.
      const slots = [0, 1].map(() => ({ memory: alignedBuffer(CHUNK_BYTES), hashed: Promise.resolve() }))
      try {
        for (let offset = 0, turn = 0; offset < bytes; offset += CHUNK_BYTES, turn++) {
          if (signal.aborted) throw new AgentFault('CommandAborted', 'aborted while reading the disk')
          const slot = slots[turn % slots.length]!
          await slot.hashed
          const wanted = Math.min(CHUNK_BYTES, bytes - offset)
          const whole = Math.ceil(wanted / ALIGN_BYTES) * ALIGN_BYTES
          await disk.read(slot.memory.subarray(0, Math.min(whole, disk.sizeBytes - offset)), offset)
          slot.hashed = hash.update(slot.memory.subarray(0, wanted))
          slot.hashed.catch(() => {}) // surfaces at the slot's next turn or at the end
          progress('digest', offset + wanted, bytes)
        }
        await Promise.all(slots.map(({ hashed }) => hashed))
        return { algorithm, digest: await hash.digest(), bytes }
      } finally {
        await hash.close()
      }
    })
  },
})
