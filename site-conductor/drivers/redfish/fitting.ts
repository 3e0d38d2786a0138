// A step's facts travel in one message: a list that is too long for that loses what matters less first.

/** A message has 64 KiB, for this and the rest of an event. */
const MAX_BYTES = 40 * 1024

/** The list, or with each entry as `brief` makes it, or as much of that as fits; `dropped`: so many entries. */
export function fitting<T extends object>(list: readonly T[], brief: (entry: T) => T): { list: T[]; dropped: number } {
  const sizeOf = (entries: readonly T[]) => Buffer.byteLength(JSON.stringify(entries))
  if (sizeOf(list) <= MAX_BYTES) return { list: [...list], dropped: 0 }
  const fits: T[] = []
  let bytes = 0
  for (const entry of list.map(brief)) {
    bytes += sizeOf([entry])
    if (bytes > MAX_BYTES) break
    fits.push(entry)
  }
  return { list: fits, dropped: list.length - fits.length }
}
