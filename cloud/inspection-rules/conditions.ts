// The conditions of inspection rules: each operator with what it takes.
import { filled, namesField, RuleFailure, textOf, type Values } from './fields.ts'
import { notPattern } from './patterns.ts'
import { argsOf, type Arguments, type Signature } from './signature.ts'
import { contains } from './subnet.ts'
import type { Work } from './work.ts'

export interface Condition {
  /** A `!` in front turns it round. */
  readonly op: string
  readonly args?: Arguments
  /** Once for each; an object is one item. */
  readonly loop?: Values | readonly unknown[]
  /** Which of a loop's results counts; any, when it is not said. */
  readonly multiple?: 'any' | 'all' | 'first' | 'last'
}

interface Operator extends Signature {
  holds(args: Values, work: Work): boolean
}

const ofTwo = (compare: (a: unknown, b: unknown, asText: boolean) => boolean): Operator => ({
  needs: ['values'],
  may: ['force_strings'],
  refuse: ({ values }) => (Array.isArray(values) ? undefined : 'values must be a list'),
  holds({ values: all, force_strings: asText }) {
    const values = all as readonly unknown[]
    return values.every((value, i) => i === 0 || compare(values[i - 1], value, asText === true))
  },
})
const ofOne = (holds: (value: unknown) => boolean): Operator => ({
  needs: ['value'],
  holds: ({ value }) => holds(value),
})
const ofPattern = (how: 'matches' | 'contains'): Operator => ({
  needs: ['value', 'regex'],
  refuse: ({ regex }) => (typeof regex === 'string' ? undefined : 'regex must be a text'),
  // A pattern with fields is only known when they are replaced.
  refuseNew: ({ regex }) => (namesField(textOf(regex)) ? undefined : notPattern(textOf(regex))),
  holds: ({ value, regex }, work) => work[how](textOf(regex), textOf(value)),
})

export const OPERATORS: Readonly<Record<string, Operator>> = {
  eq: ofTwo(isSame),
  lt: ofTwo((a, b, asText) => order(a, b, asText) < 0),
  gt: ofTwo((a, b, asText) => order(a, b, asText) > 0),
  'is-empty': ofOne((value) => ['', 'None', '[]', '{}'].includes(textOf(value))),
  'in-net': {
    needs: ['address', 'subnet'],
    holds({ address, subnet }) {
      const inside = contains(textOf(subnet), textOf(address))
      if (inside === undefined)
        throw new RuleFailure(`${textOf(address)} or ${textOf(subnet)} is no IP address or network`)
      return inside
    },
  },
  matches: ofPattern('matches'),
  contains: ofPattern('contains'),
  'one-of': {
    needs: ['value'],
    may: ['values'],
    holds({ value, values }, work) {
      // An object is written out for each that it is compared with.
      const length = typeof value === 'object' ? textOf(value).length : 0
      const isIt = (each: unknown) => {
        work.read(length)
        return isSame(value, each)
      }
      return Array.isArray(values) && values.some(isIt)
    },
  },
  'is-none': ofOne((value) => textOf(value) === 'None'),
  'is-true': ofOne((value) => (typeof value === 'number' ? value !== 0 : /^(yes|true)$/i.test(textOf(value)))),
  'is-false': ofOne((value) => (typeof value === 'number' ? value === 0 : /^(no|false|none)$/i.test(textOf(value)))),
}

/** Throws RuleFailure. */
export function holds(condition: Condition, names: Values, work: Work): boolean {
  const isTurned = condition.op.startsWith('!')
  const operator = OPERATORS[condition.op.replace(/^! ?/, '')]
  if (!operator) throw new RuleFailure(`there is no condition ${condition.op}`)
  const one = (all: Values) => operator.holds(argsOf(operator, condition.args, all, work), work) !== isTurned
  const items = itemsOf(condition.loop, names, work)
  if (!items) return one(names)
  const withItem = (item: unknown) => one({ ...names, item })
  if (condition.multiple === 'all') return items.every(withItem)
  // Ironic's `first` is the first that holds.
  return condition.multiple === 'last' ? items.slice(-1).some(withItem) : items.some(withItem)
}

/** What is done once for each; undefined: there is no loop. */
export function itemsOf(loop: Condition['loop'], names: Values, work: Work): unknown[] | undefined {
  if (loop === undefined || Object.keys(loop).length === 0) return undefined
  return (Array.isArray(loop) ? loop : [loop]).map((item: unknown) => filled(item, names, work))
}

/** A replaced field is text whatever it was: where one of them is text, both are compared as such. */
function isSame(a: unknown, b: unknown, asText = false): boolean {
  if (asText || typeof a === 'string' || typeof b === 'string') return textOf(a) === textOf(b)
  return JSON.stringify(a) === JSON.stringify(b)
}

/** Numbers, also written out, by their size; everything else as text. */
function order(a: unknown, b: unknown, asText: boolean): number {
  const [x, y] = [numberOf(a), numberOf(b)]
  if (!asText && x !== undefined && y !== undefined) return x - y
  const [s, t] = [textOf(a), textOf(b)]
  return s < t ? -1 : s > t ? 1 : 0
}

function numberOf(value: unknown): number | undefined {
  const text = textOf(value).trim()
  return text !== '' && Number.isFinite(Number(text)) ? Number(text) : undefined
}
