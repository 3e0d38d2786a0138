// An image written to a disk made of a file, as a command does it, by a source that may be given up soon.
import type { ImageInfo } from '../../../shared/agent-protocol.ts'
import { AgentFault } from '../../fault.ts'
import { GIB } from '../../testing.ts'
import type { BlockDevice } from '../block-devices.ts'
import { type BlockTarget, openBlockTarget } from '../block-target.ts'
import { writeImage, type WriteImageOptions } from '../write-image.ts'

/** Makes another disk of it, such as one that fails. */
export type Bend = (target: BlockTarget) => BlockTarget

export async function write(
  disk: BlockDevice,
  image: Partial<ImageInfo> & { urls: string[] },
  more: Partial<WriteImageOptions> = {},
  bend: Bend = (target) => target,
) {
  const target = bend(await openBlockTarget(disk))
  try {
    return await writeImage({
      image: { id: 'image', disk_format: 'raw', os_hash_algo: 'sha256', os_hash_value: '0'.repeat(64), ...image },
      target,
      memAvailableBytes: 2 * GIB,
      signal: new AbortController().signal,
      random: Math.random,
      log: () => {},
      progress: () => {},
      download: { retryDelayMs: () => 1, tries: 3, stallWindowMs: 200 },
      ...more,
    })
  } finally {
    await target.close()
  }
}

export const fault = (promise: Promise<unknown>): Promise<AgentFault> =>
  promise.then(
    () => {
      throw new Error('no fault')
    },
    (error: unknown) => {
      if (error instanceof AgentFault) return error
      throw error
    },
  )
