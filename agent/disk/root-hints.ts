// Which disk gets the operating system: root device hints with the operators of OpenStack's specs matcher, else the smallest of at least 4 GiB.
import { AgentFault } from '../fault.ts'
import type { BlockDevice } from './block-devices.ts'

const GIB = 1024 ** 3
export const SMALLEST_ROOT_BYTES = 4 * GIB

type Fact = string | number | boolean | null
/** What each hint is compared with. Sizes count in whole GiB. */
const hints: Record<string, (device: BlockDevice) => Fact> = {
  model: (d) => d.model,
  vendor: (d) => d.vendor,
  serial: (d) => d.serial,
  wwn: (d) => d.wwn,
  wwn_with_extension: (d) => d.wwnWithExtension,
  wwn_vendor_extension: (d) => d.wwnVendorExtension,
  name: (d) => d.path,
  hctl: (d) => d.hctl,
  by_path: (d) => d.byPath,
  tran: (d) => d.tran,
  size: (d) => Math.floor(d.sizeBytes / GIB),
  rotational: (d) => d.rotational,
}

const numeric: Record<string, (a: number, b: number) => boolean> = {
  '=': (a, b) => a >= b, // "=" means "at least" there, for history's sake
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '>=': (a, b) => a >= b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '<': (a, b) => a < b,
}
const textual: Record<string, (a: string, b: string) => boolean> = {
  's==': (a, b) => a === b,
  's!=': (a, b) => a !== b,
  's>=': (a, b) => a >= b,
  's>': (a, b) => a > b,
  's<=': (a, b) => a <= b,
  's<': (a, b) => a < b,
}

const bad = (hint: string, why: string) =>
  new AgentFault('InvalidCommandParamsError', `root device hint ${hint}: ${why}`)

/** `[ 10 20 ]`, `( 10 20 )` or mixed: square brackets include the end. */
function inRange(hint: string, actual: number, text: string): boolean {
  const match = /^([[(])\s*(-?[\d.]+)\s+(-?[\d.]+)\s*([\])])$/.exec(text)
  if (!match) throw bad(hint, `"<range-in> ${text}" is not an interval such as "[ 10 20 ]"`)
  const [low, high] = [Number(match[2]), Number(match[3])]
  return (match[1] === '[' ? actual >= low : actual > low) && (match[4] === ']' ? actual <= high : actual < high)
}

/** One expression against one fact. Throws InvalidCommandParamsError when the expression makes no sense for the fact's type. */
export function matchesExpression(hint: string, actual: string | number, expression: string): boolean {
  const wanted = expression.trim()
  const [, operator = '', rest = ''] =
    /^(<or>|<in>|<all-in>|<range-in>|s(?:==|!=|>=|<=|>|<)|==|!=|>=|<=|=|>|<)\s*(.*)$/s.exec(wanted) ?? []
  if (operator === '<or>') {
    const choices = rest.split('<or>').map((choice) => choice.trim())
    return choices.some((choice) => (typeof actual === 'number' ? actual === Number(choice) : actual === choice))
  }
  if (operator === '<in>') return String(actual).includes(rest)
  if (operator === '<all-in>') return rest.split(/\s+/).every((part) => String(actual).includes(part))
  if (operator === '<range-in>') return inRange(hint, Number(actual), rest)
  if (operator in textual) return textual[operator]!(String(actual), rest)
  const value = operator === '' ? wanted : rest
  if (typeof actual === 'string') {
    if (operator === '') return actual === value
    const [a, b] = [Number(actual), Number(value)]
    if (actual === '' || Number.isNaN(a) || Number.isNaN(b))
      throw bad(hint, `"${operator}" compares numbers; text wants "s${operator}"`)
    return numeric[operator]!(a, b)
  }
  const number = Number(value)
  if (value === '' || !Number.isFinite(number)) throw bad(hint, `"${value}" is not a number`)
  return numeric[operator || '==']!(actual, number)
}

/** Text is compared URL-quoted and lower-case, so that spaces in a model do not split `<all-in>` words. */
const quote = (text: string) => encodeURIComponent(text.trim().toLowerCase())

/** Quotes the operands of an expression and leaves its operators and the spaces between words alone. */
function quoteExpression(expression: string): string {
  const match = /^\s*(<or>|<in>|<all-in>|s(?:==|!=|>=|<=|>|<))\s*(.*)$/s.exec(expression)
  if (!match) return quote(expression)
  const [, operator = '', rest = ''] = match
  if (operator === '<or>') return `<or> ${rest.split('<or>').map(quote).join(' <or> ')}`
  if (operator === '<all-in>') return `<all-in> ${rest.trim().split(/\s+/).map(quote).join(' ')}`
  return `${operator} ${quote(rest)}`
}

function parseBoolean(hint: string, value: unknown): boolean {
  const text = String(value).trim().toLowerCase()
  if (['1', 't', 'true', 'on', 'y', 'yes'].includes(text)) return true
  if (['0', 'f', 'false', 'off', 'n', 'no'].includes(text)) return false
  throw bad(hint, `"${text}" is neither true nor false`)
}

/** Whether all hints match. Unknown hint names and senseless operators are faults, a fact that the kernel does not give is no match. */
export function matchesHints(device: BlockDevice, wanted: Record<string, unknown>): boolean {
  return Object.entries(wanted).every(([hint, value]) => {
    const read = hints[hint]
    if (!read) throw bad(hint, `not known; known are ${Object.keys(hints).join(', ')}`)
    const actual = read(device)
    if (hint === 'rotational') return actual === parseBoolean(hint, value)
    if (hint === 'size') {
      const operand = /-?\d+(?:\.\d+)?/.exec(String(value))
      if (operand && Number(operand[0]) <= 0) throw bad(hint, 'must be greater than 0')
      return matchesExpression(hint, actual as number, String(value))
    }
    const matched = matchesExpression(hint, quote(String(actual ?? '')), quoteExpression(String(value)))
    return actual !== null && matched
  })
}

/**
 * The disk to deploy to; one that is skipped is left alone.
 * Throws DeviceNotFound with what was there and why it did not do.
 */
export function chooseRootDisk(
  devices: BlockDevice[],
  wanted: Record<string, unknown> | undefined,
  isSkipped: (device: BlockDevice) => boolean = () => false,
): BlockDevice {
  const candidates = devices.filter((d) => !d.readOnly && !d.removable && !isSkipped(d))
  const seen = devices.map((d) => `${d.name} ${(d.sizeBytes / GIB).toFixed(1)} GiB ${d.model ?? ''}`.trim()).join('; ')
  if (wanted && Object.keys(wanted).length > 0) {
    const found = candidates.find((device) => matchesHints(device, wanted))
    if (found) return found
    throw new AgentFault(
      'DeviceNotFound',
      'no disk matches the root device hints',
      `${JSON.stringify(wanted)}; seen: ${seen}`,
    )
  }
  const fitting = candidates.filter((d) => d.sizeBytes >= SMALLEST_ROOT_BYTES).sort((a, b) => a.sizeBytes - b.sizeBytes)
  if (fitting[0]) return fitting[0]
  throw new AgentFault('DeviceNotFound', 'no writable disk of at least 4 GiB', `seen: ${seen || 'none'}`)
}
