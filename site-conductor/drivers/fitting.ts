// A step's facts travel in one message: a list that is too long for that loses what matters less first.

/** A message has 64 KiB, for these and the rest of an event. */
export const ROOM = { bios: 28 * 1024, firmware: 16 * 1024 } as const

/** The list, or with each entry as `brief` makes it, or as much of that as fits into `maxBytes`; `dropped`: so many entries. */
export function fitting<T extends object>(
  list: readonly T[],
  maxBytes: number,
  brief: (entry: T) => T = (entry) => entry,
): { list: T[]; dropped: number } {
  const sizeOf = (entries: readonly T[]) => Buffer.byteLength(JSON.stringify(entries))
  if (sizeOf(list) <= maxBytes) return { list: [...list], dropped: 0 }
  const fits: T[] = []
  let bytes = 0
  for (const entry of list.map(brief)) {
    bytes += sizeOf([entry])
    if (bytes > maxBytes) break
    fits.push(entry)
  }
  return { list: fits, dropped: list.length - fits.length }
}
