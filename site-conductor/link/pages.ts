// What belongs together but not into one frame: parts of it that do.
import { bytesInFrame, MAX_FRAME_BYTES } from '../../shared/protocol.ts'

/** What a frame has room for beside its own names and numbers. */
export const PAGE_BYTES = MAX_FRAME_BYTES - 1024

/** The items in their order, in pages of `most` items and PAGE_BYTES at most; one that is larger than a page has one for itself. */
export function pages<T>(items: Iterable<T>, most: number, roomBytes = PAGE_BYTES): T[][] {
  const all: T[][] = []
  let bytes = roomBytes
  for (const item of items) {
    const size = bytesInFrame(item) + 1
    const page = all.at(-1)
    if (page !== undefined && page.length < most && bytes + size <= roomBytes) {
      page.push(item)
      bytes += size
    } else {
      all.push([item])
      bytes = size
    }
  }
  return all
}
