// Letters of three by five squares, for a picture that needs no font: each row is a digit whose three bits are its squares.

const ROWS: Readonly<Record<string, string>> = {
  '0': '75557', '1': '26227', '2': '71747', '3': '71717', '4': '55711', '5': '74717', '6': '74757', '7': '71222', '8': '75757', '9': '75717',
  A: '25755', B: '65656', C: '34443', D: '65556', E: '74647', F: '74644', G: '34553', H: '55755', I: '72227', J: '11152', K: '55655', L: '44447',
  M: '57755', N: '65555', O: '25552', P: '65644', Q: '25563', R: '65655', S: '34216', T: '72222', U: '55557', V: '55552', W: '55775', X: '55255',
  Y: '55222', Z: '71247', '-': '00700', '.': '00002', ':': '02020', _: '00007', '/': '11244', ' ': '00000',
} // prettier-ignore
const UNKNOWN = '71202'

/** Squares from the left edge of one letter to that of the next. */
export const ADVANCE = 4
export const HEIGHT = 5

/** Calls `square` for each square that is filled; capital letters for small ones. */
export function write(text: string, square: (x: number, y: number) => void): void {
  for (const [i, letter] of [...text.toUpperCase()].entries()) {
    for (const [y, row] of [...(ROWS[letter] ?? UNKNOWN)].entries())
      for (let x = 0; x < 3; x++) if (Number(row) & (4 >> x)) square(i * ADVANCE + x, y)
  }
}
