// A picture that shows whose screen this is: the node's name, its UUID, its power and the key that was pressed last, colours to check a viewer by, and
// something that moves.
import type { Area } from '../../rfb/client-messages.ts'
import { Picture } from '../../rfb/pixels.ts'
import type { Desktop } from '../../rfb/serve.ts'
import { ADVANCE, HEIGHT, write } from './letters.ts'

const [WIDTH, PICTURE_HEIGHT] = [640, 400]
const [SCALE, MARGIN] = [4, 20]
const BACKGROUND = 0x102030
const INK = 0xf0f0f0
const BARS = [0xffffff, 0xffff00, 0x00ffff, 0x00ff00, 0xff00ff, 0xff0000, 0x0000ff, 0x000000]
const BARS_AREA: Area = { x: 0, y: 280, width: WIDTH, height: 80 }
const TRACK: Area = { x: 0, y: 376, width: WIDTH, height: 16 }
const MOVES_BY = 16
/** As much as fits. */
const LETTERS = Math.floor((WIDTH - 2 * MARGIN) / (ADVANCE * SCALE))

export class TestPicture implements Desktop {
  readonly name: string
  readonly picture = new Picture(WIDTH, PICTURE_HEIGHT)
  readonly #shown: string[] = []
  #lines: readonly string[]
  #moved = 0

  constructor({ name, uuid }: { name: string | null; uuid: string }) {
    this.name = name ?? uuid
    this.#lines = [this.name, uuid, '', 'POWER UNKNOWN', 'KEY NONE']
    this.picture.paint({ x: 0, y: 0, width: WIDTH, height: PICTURE_HEIGHT }, BACKGROUND)
    const width = BARS_AREA.width / BARS.length
    BARS.forEach((colour, i) => this.picture.paint({ ...BARS_AREA, x: i * width, width }, colour))
  }

  /** `power`: as the node's driver has it; null: it does not know. */
  power(power: string | null): void {
    this.#lines = this.#lines.with(3, power === null ? 'POWER UNKNOWN' : power)
  }

  key(keysym: number, isDown: boolean): void {
    if (!isDown) return
    // Those of Latin-1 are its own characters (X11's keysymdef.h).
    const isLatin = keysym > 0x20 && keysym < 0x7f
    this.#lines = this.#lines.with(4, `KEY ${isLatin ? String.fromCharCode(keysym) : keysym.toString(16)}`)
  }

  draw(): Area {
    this.picture.paint(TRACK, BACKGROUND)
    this.#moved = (this.#moved + MOVES_BY) % WIDTH
    this.picture.paint({ ...TRACK, x: this.#moved, width: MOVES_BY }, INK)
    let top = TRACK.y
    for (const [i, line] of this.#lines.entries()) {
      if (this.#shown[i] === line) continue
      this.#shown[i] = line
      top = Math.min(top, this.#write(line, MARGIN + i * (HEIGHT + 4) * SCALE))
    }
    return { x: 0, y: top, width: WIDTH, height: TRACK.y + TRACK.height - top }
  }

  #write(line: string, top: number): number {
    this.picture.paint({ x: 0, y: top, width: WIDTH, height: HEIGHT * SCALE }, BACKGROUND)
    write(line.slice(0, LETTERS), (x, y) =>
      this.picture.paint({ x: MARGIN + x * SCALE, y: top + y * SCALE, width: SCALE, height: SCALE }, INK),
    )
    return top
  }
}
