// What a client sends once it is in (RFC 6143 §7.5).
import { RfbError, type RfbStream } from './stream.ts'

export interface Area {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** How the client wants its pixels (§7.4); true colour only. */
export interface PixelFormat {
  readonly bytesPerPixel: 1 | 2 | 4
  readonly isBigEndian: boolean
  /** Of red, green and blue: the largest value, and by how much it is shifted. */
  readonly channels: readonly { readonly max: number; readonly shift: number }[]
}

export type ClientMessage =
  | { readonly kind: 'pixel format'; readonly format: PixelFormat }
  | { readonly kind: 'request'; readonly isIncremental: boolean; readonly area: Area }
  | { readonly kind: 'key'; readonly isDown: boolean; readonly keysym: number }
  | { readonly kind: 'pointer'; readonly buttons: number; readonly x: number; readonly y: number }
  | { readonly kind: 'encodings' | 'text' }

const MAX_TEXT_BYTES = 256 << 10
const SKIPPED_AT_ONCE = 16 << 10

export async function takeMessage(stream: RfbStream): Promise<ClientMessage> {
  const type = await stream.takeU8()
  switch (type) {
    case 0:
      return { kind: 'pixel format', format: pixelFormat((await stream.take(19)).subarray(3)) }
    case 2:
      await skip(stream, 4 * (await stream.take(3)).readUInt16BE(1))
      return { kind: 'encodings' }
    case 3: {
      const body = await stream.take(9)
      const [x, y, width, height] = [1, 3, 5, 7].map((at) => body.readUInt16BE(at)) as [number, number, number, number]
      return { kind: 'request', isIncremental: body[0] !== 0, area: { x, y, width, height } }
    }
    case 4: {
      const body = await stream.take(7)
      return { kind: 'key', isDown: body[0] !== 0, keysym: body.readUInt32BE(3) }
    }
    case 5: {
      const body = await stream.take(5)
      return { kind: 'pointer', buttons: body[0]!, x: body.readUInt16BE(1), y: body.readUInt16BE(3) }
    }
    case 6: {
      const length = (await stream.take(7)).readUInt32BE(3)
      if (length > MAX_TEXT_BYTES) throw new RfbError('the text that was cut is too long')
      await skip(stream, length)
      return { kind: 'text' }
    }
    default:
      throw new RfbError(`message type ${type} is not known`)
  }
}

async function skip(stream: RfbStream, length: number): Promise<void> {
  for (let left = length; left > 0; left -= SKIPPED_AT_ONCE) await stream.take(Math.min(left, SKIPPED_AT_ONCE))
}

function pixelFormat(bytes: Buffer): PixelFormat {
  const bits = bytes[0]!
  if (bits !== 8 && bits !== 16 && bits !== 32) throw new RfbError(`${bits} bits per pixel are none of 8, 16 and 32`)
  if (bytes[3] === 0) throw new RfbError('a colour map is not to be had: true colour only')
  const channels = [0, 1, 2].map((i) => ({ max: bytes.readUInt16BE(4 + 2 * i), shift: bytes[10 + i]! }))
  const spans = channels.map(({ max, shift }) => ({ from: shift, to: shift + Math.ceil(Math.log2(max + 1)) }))
  if (spans.some(({ from, to }) => from === to || to > bits)) throw new RfbError('a colour lies outside of its pixel')
  // Their sum would be more than a pixel holds.
  const inOrder = spans.toSorted((a, b) => a.from - b.from)
  if (inOrder.some(({ from }, i) => i > 0 && from < inOrder[i - 1]!.to))
    throw new RfbError('a colour lies over another')
  return { bytesPerPixel: (bits / 8) as 1 | 2 | 4, isBigEndian: bytes[2] !== 0, channels }
}
