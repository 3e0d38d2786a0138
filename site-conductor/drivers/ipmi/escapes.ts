// What a person types beside characters for the machine, as ipmitool knows it: at the beginning of a line ~. hangs up, ~B is a break, ~~ is one ~.
export type Typed = { readonly characters: Buffer } | 'break' | 'hang up'

const TILDE = 0x7e
const ENDS_OF_LINE: readonly number[] = [0x0a, 0x0d]
const MEANINGS: Readonly<Record<number, 'break' | 'hang up'>> = { 0x42: 'break', 0x2e: 'hang up' }

export class Escapes {
  #isLineStart = true
  /** After a ~ that begins a line. */
  #isEscape = false

  /** In the order in which it was typed; a chunk may end in the middle of an escape. */
  take(chunk: Uint8Array): Typed[] {
    const found: Typed[] = []
    let plain: number[] = []
    const flush = () => {
      if (plain.length > 0) found.push({ characters: Buffer.from(plain) })
      plain = []
    }
    for (const byte of chunk) {
      if (this.#isEscape) {
        this.#isEscape = false
        const meaning = MEANINGS[byte]
        if (meaning !== undefined) {
          flush()
          found.push(meaning)
          continue
        }
        // No escape after all, unless it is the second ~ of two.
        if (byte !== TILDE) plain.push(TILDE)
      } else if (this.#isLineStart && byte === TILDE) {
        this.#isEscape = true
        continue
      }
      plain.push(byte)
      this.#isLineStart = ENDS_OF_LINE.includes(byte)
    }
    flush()
    return found
  }
}
