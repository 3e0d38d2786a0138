// A picture in memory, and a part of it as a client wants it: raw pixels (RFC 6143 §7.7.1), which every client takes.
import type { Area, PixelFormat } from './client-messages.ts'

export class Picture {
  readonly width: number
  readonly height: number
  /** 0xRRGGBB, row after row. */
  readonly pixels: Uint32Array

  constructor(width: number, height: number) {
    this.width = width
    this.height = height
    this.pixels = new Uint32Array(width * height)
  }

  paint({ x, y, width, height }: Area, colour: number): void {
    for (let row = y; row < y + height; row++)
      this.pixels.fill(colour, row * this.width + x, row * this.width + x + width)
  }
}

/** What is told to a client that asks for nothing else: 32 bits, blue in the lowest byte. */
export const PLAIN_FORMAT: PixelFormat = {
  bytesPerPixel: 4,
  isBigEndian: false,
  channels: [16, 8, 0].map((shift) => ({ max: 255, shift })),
}

export function encodeFormat({ bytesPerPixel, isBigEndian, channels }: PixelFormat): Buffer {
  const bytes = Buffer.alloc(16)
  bytes.set([bytesPerPixel * 8, 24, isBigEndian ? 1 : 0, 1])
  channels.forEach(({ max, shift }, i) => {
    bytes.writeUInt16BE(max, 4 + 2 * i)
    bytes[10 + i] = shift
  })
  return bytes
}

/** The part of `area` that lies inside; undefined: none. */
export function clip({ width, height }: Picture, area: Area): Area | undefined {
  const clipped = {
    x: area.x,
    y: area.y,
    width: Math.min(area.width, width - area.x),
    height: Math.min(area.height, height - area.y),
  }
  return clipped.width > 0 && clipped.height > 0 ? clipped : undefined
}

/** A FramebufferUpdate (§7.6.1) of one rectangle, which lies inside. */
export function encodeUpdate(picture: Picture, { x, y, width, height }: Area, format: PixelFormat): Buffer {
  const { bytesPerPixel, isBigEndian } = format
  const message = Buffer.alloc(16 + width * height * bytesPerPixel)
  message.writeUInt16BE(1, 2)
  ;[x, y, width, height].forEach((value, i) => message.writeUInt16BE(value, 4 + 2 * i))
  // Encoding 0, raw, is zeroes.
  const colours = new Map<number, number>()
  const write = isBigEndian ? message.writeUIntBE.bind(message) : message.writeUIntLE.bind(message)
  let at = 16
  for (let row = y; row < y + height; row++) {
    for (let column = x; column < x + width; column++, at += bytesPerPixel) {
      const colour = picture.pixels[row * picture.width + column]!
      let value = colours.get(colour)
      if (value === undefined) colours.set(colour, (value = asClientWants(colour, format)))
      write(value, at, bytesPerPixel)
    }
  }
  return message
}

function asClientWants(colour: number, { channels }: PixelFormat): number {
  return channels.reduce((value, { max, shift }, i) => {
    const level = (colour >> (16 - 8 * i)) & 0xff
    return value + Math.round((level * max) / 255) * 2 ** shift
  }, 0)
}
