// What a client may ask of a transfer, and what it gets: blksize (RFC 2348), timeout and tsize (RFC 2349), windowsize
// (RFC 7440). An option that is malformed or out of range is left out of the OACK, as RFC 2347 wants, not refused.

export interface Agreed {
  blockBytes: number
  windowBlocks: number
  /** Fixed by the client; otherwise the server's own timer backs off. */
  timeoutMs?: number
  /** The options to acknowledge; empty means that no OACK is sent. */
  acknowledged: Map<string, string>
}

const DEFAULT_BLOCK_BYTES = 512
/** RFC 7440 §3 allows 65,535; more than this fills receive buffers and gains nothing. */
const LONGEST_WINDOW_BLOCKS = 256
/** What one window may hold in memory. */
const LARGEST_WINDOW_BYTES = 1 << 20

export function negotiate(wanted: ReadonlyMap<string, string>, sizeBytes: number): Agreed {
  const agreed: Agreed = { blockBytes: DEFAULT_BLOCK_BYTES, windowBlocks: 1, acknowledged: new Map() }
  const { acknowledged } = agreed

  const blksize = decimal(wanted.get('blksize'), 8, 65_464)
  if (blksize !== undefined) {
    agreed.blockBytes = blksize
    acknowledged.set('blksize', String(blksize))
  }
  const timeoutSeconds = decimal(wanted.get('timeout'), 1, 255)
  if (timeoutSeconds !== undefined) {
    agreed.timeoutMs = timeoutSeconds * 1000
    acknowledged.set('timeout', String(timeoutSeconds))
  }
  if (decimal(wanted.get('tsize'), 0, Number.MAX_SAFE_INTEGER) !== undefined) {
    acknowledged.set('tsize', String(sizeBytes))
  }
  const windowsize = decimal(wanted.get('windowsize'), 1, 65_535)
  if (windowsize !== undefined) {
    const byMemory = Math.max(1, Math.floor(LARGEST_WINDOW_BYTES / agreed.blockBytes))
    agreed.windowBlocks = Math.min(windowsize, LONGEST_WINDOW_BLOCKS, byMemory)
    acknowledged.set('windowsize', String(agreed.windowBlocks))
  }
  return agreed
}

function decimal(text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined || !/^\d{1,15}$/.test(text)) return undefined
  const value = Number(text)
  return value >= least && value <= most ? value : undefined
}
