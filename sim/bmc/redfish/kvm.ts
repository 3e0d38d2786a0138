// The screen of a machine as OpenBMC's web server has it: RFB 3.8 without a password on a WebSocket. Four colours, of which one is the power's, and a square
// in the middle for the key that was pressed last. Written after RFC 6143 and apart from what conductors speak; the viewers of others judge it.
import type { WebSocket } from 'ws'

export const [WIDTH, HEIGHT] = [320, 240]
export const COLOURS = { red: 0xff0000, green: 0x00ff00, blue: 0x0000ff, on: 0xffffff, off: 0x404040 } as const
export const KEY_AREA = { x: 140, y: 100, size: 40 } as const

/** How many bytes a message has by its first byte, as far as that tells it (§7.5). */
const LENGTHS: Readonly<Record<number, number>> = { 0: 20, 2: 4, 3: 10, 4: 8, 5: 6, 6: 8 }

export interface Screen {
  power(): 'on' | 'off'
  /** Keysyms that were pressed, by all viewers. */
  readonly keys: number[]
}

export function showScreen(socket: WebSocket, screen: Screen): void {
  let had = Buffer.alloc(0)
  /** Of red, green and blue. */
  let shifts: readonly number[] = [16, 8, 0]
  let stage: 'version' | 'security' | 'init' | 'messages' = 'version'
  const next = (length: number): Buffer | undefined => {
    if (had.length < length) return undefined
    const taken = had.subarray(0, length)
    had = had.subarray(length)
    return taken
  }
  /** False: more bytes are needed. */
  const step = (): boolean => {
    if (stage === 'version') {
      if (next(12) === undefined) return false
      socket.send(Buffer.of(1, 1))
      stage = 'security'
    } else if (stage === 'security') {
      if (next(1) === undefined) return false
      socket.send(Buffer.alloc(4))
      stage = 'init'
    } else if (stage === 'init') {
      if (next(1) === undefined) return false
      socket.send(serverInit())
      stage = 'messages'
    } else return message()
    return true
  }
  const message = (): boolean => {
    const [type] = had
    if (type === undefined) return false
    let length = LENGTHS[type]
    if (length === undefined) {
      socket.close()
      return false
    }
    if (had.length < length) return false
    if (type === 2) length += 4 * had.readUInt16BE(2)
    if (type === 6) length += had.readUInt32BE(4)
    const body = next(length)
    if (body === undefined) return false
    if (type === 4 && body[1] === 1) screen.keys.push(body.readUInt32BE(4))
    if (type === 3) socket.send(update(screen, shifts))
    // Of 32 bits, little endian; another format is not served.
    if (type === 0 && body[4] === 32 && body[6] === 0) shifts = [body[14]!, body[15]!, body[16]!]
    else if (type === 0) socket.close()
    return true
  }
  socket.on('message', (data: Buffer) => {
    had = Buffer.concat([had, data])
    while (step());
  })
  socket.on('error', () => {})
  socket.send('RFB 003.008\n', { binary: true })
}

function serverInit(): Buffer {
  const name = Buffer.from('Simulated BMC')
  const fixed = Buffer.alloc(24)
  fixed.writeUInt16BE(WIDTH, 0)
  fixed.writeUInt16BE(HEIGHT, 2)
  // 32 bits, 24 of them colours, little endian, true colour, three times 255, shifted by 16, 8 and 0.
  fixed.set([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0], 4)
  fixed.writeUInt32BE(name.length, 20)
  return Buffer.concat([fixed, name])
}

/** All of it, always. */
function update({ power, keys }: Screen, shifts: readonly number[]): Buffer {
  const message = Buffer.alloc(16 + 4 * WIDTH * HEIGHT)
  message.writeUInt16BE(1, 2)
  message.writeUInt16BE(WIDTH, 8)
  message.writeUInt16BE(HEIGHT, 10)
  const key = keys.at(-1)
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++) {
      const colour = colourAt(x, y, power(), key)
      const pixel = shifts.reduce((sum, shift, i) => sum + ((colour >> (16 - 8 * i)) & 0xff) * 2 ** shift, 0)
      message.writeUInt32LE(pixel, 16 + 4 * (y * WIDTH + x))
    }
  }
  return message
}

export function colourAt(x: number, y: number, power: 'on' | 'off', key: number | undefined): number {
  const { x: left, y: top, size } = KEY_AREA
  if (key !== undefined && x >= left && x < left + size && y >= top && y < top + size)
    return (key * 0x010203) & 0xffffff
  if (y < HEIGHT / 2) return x < WIDTH / 2 ? COLOURS.red : COLOURS.green
  return x < WIDTH / 2 ? COLOURS.blue : COLOURS[power]
}
