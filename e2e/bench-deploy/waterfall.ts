// The picture of docs/benchmarks/deploy.md: three deployments on one scale, and below ours phase by phase on a scale of its own. Pure: the same
// figures give the same bytes.
import type { Anchor } from './ironic.ts'
import { type Kind, PHASES } from './phases.ts'
import { KINDS, type Summary } from './report.ts'

const COLOURS: Readonly<Record<Kind, string>> = {
  firmware: '#9aa5b1',
  transfer: '#4c8dd6',
  agent: '#57a773',
  overhead: '#d64550',
}
const WIDTH = 960
const LEFT = 250
const PLOT = WIDTH - LEFT - 70
const BAR = 26
const ROW = 20
/** Of the legend, at most. */
const CHARACTER = 7

export function waterfall(ours: Summary, others: readonly Anchor[]): string {
  const all: readonly Anchor[] = [ours, ...others]
  const longest = Math.max(...all.map(lengthOf))
  const parts: string[] = []
  let y = 56
  parts.push(text(16, 28, 'From the deploy verb to the system’s own line', 'title'))
  let legend = 16
  for (const { kind, what } of KINDS) {
    parts.push(rect(legend, 40, 11, 11, kind), text(legend + 16, 50, what, 'small'))
    legend += 30 + what.length * CHARACTER
  }
  y += 16
  for (const each of all) {
    parts.push(text(LEFT - 10, y + 18, each.name, 'label'))
    let at = 0
    for (const { row, kind } of PHASES) {
      const seconds = each.seconds[row]
      parts.push(rect(LEFT + (at / longest) * PLOT, y, (seconds / longest) * PLOT, BAR, kind))
      at += seconds
    }
    parts.push(text(LEFT + (at / longest) * PLOT + 6, y + 18, `${each.totalS.toFixed(1)} s`, 'value'))
    y += BAR + 8
  }
  y = axis(parts, y, longest, 20)
  y += 34
  parts.push(text(16, y, 'Ferrule, phase by phase', 'title'))
  y += 14
  const own = lengthOf(ours)
  let at = 0
  for (const { row, kind, what } of PHASES) {
    const seconds = ours.seconds[row]
    const x = LEFT + (at / own) * PLOT
    parts.push(
      text(LEFT - 10, y + 13, what, 'label small'),
      rect(x, y + 2, Math.max(1, (seconds / own) * PLOT), ROW - 5, kind),
      text(x + (seconds / own) * PLOT + 5, y + 13, seconds.toFixed(2), 'small'),
    )
    at += seconds
    y += ROW
  }
  y = axis(parts, y + 4, own, 5)
  const style =
    'text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-size:15px;font-weight:600}.small{font-size:11.5px}.label{text-anchor:end}.tick{text-anchor:middle;font-size:11px;fill:#57606a}.value{font-weight:600}line{stroke:#d0d7de}'
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + 14}" role="img" aria-label="Phases of one deployment"><style>${style}</style><rect width="100%" height="100%" fill="#fff"/>
${parts.join('\n')}
</svg>
`
}

/** The bars are put together from medians of phases, which add up to a little more or less than the median of the whole. */
function lengthOf({ seconds }: Anchor): number {
  return PHASES.reduce((sum, { row }) => sum + seconds[row], 0)
}

function axis(parts: string[], y: number, longestS: number, everyS: number): number {
  for (let second = 0; second <= longestS; second += everyS) {
    const x = LEFT + (second / longestS) * PLOT
    parts.push(`<line x1="${px(x)}" y1="${y}" x2="${px(x)}" y2="${y + 5}"/>`, text(x, y + 17, `${second} s`, 'tick'))
  }
  return y + 20
}

function rect(x: number, y: number, width: number, height: number, kind: Kind): string {
  return `<rect x="${px(x)}" y="${y}" width="${px(width)}" height="${height}" fill="${COLOURS[kind]}"/>`
}

function text(x: number, y: number, words: string, style: string): string {
  const safe = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<text x="${px(x)}" y="${y}" class="${style}">${safe}</text>`
}

function px(value: number): string {
  return value.toFixed(1)
}
