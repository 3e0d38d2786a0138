// The journal's file: "LENGTH CRC JSON\n", length of the JSON in bytes and its CRC-32, 8 hex digits each.
// 1. A line counts only as it was written. 2. What is behind a damaged line is found again.
import { crc32 } from '../../shared/ids.ts'

const HEAD_BYTES = 18
const HEAD = /([0-9a-f]{8}) ([0-9a-f]{8}) /g

export interface JournalLines {
  readonly values: unknown[]
  /** Behind the last whole line: what follows is a torn tail. */
  readonly end: number
  /** Bytes between whole lines that are none. */
  readonly damagedBytes: number
}

export function line(value: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(value))
  return Buffer.concat([Buffer.from(`${hex8(body.length)} ${hex8(crc32(body))} `), body, Buffer.from('\n')])
}

export function readLines(bytes: Uint8Array): JournalLines {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const text = all.toString('latin1')
  const head = new RegExp(HEAD)
  const values: unknown[] = []
  let end = 0
  let damagedBytes = 0
  for (let found = head.exec(text); found !== null; found = head.exec(text)) {
    const body = all.subarray(found.index + HEAD_BYTES, found.index + HEAD_BYTES + parseInt(found[1]!, 16))
    const next = body.byteOffset - all.byteOffset + body.length + 1
    const value = all[next - 1] === 0x0a && hex8(crc32(body)) === found[2] ? parsed(body) : undefined
    if (value === undefined) {
      // Another may begin within what looked like a head.
      head.lastIndex = found.index + 1
      continue
    }
    values.push(value)
    damagedBytes += found.index - end
    end = next
    head.lastIndex = next
  }
  return { values, end, damagedBytes }
}

/** Undefined: no JSON, which only something within a line can be. (JSON has no undefined, and no bare line feed in a string.) */
function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch {
    return undefined
  }
}

function hex8(value: number): string {
  return value.toString(16).padStart(8, '0')
}
