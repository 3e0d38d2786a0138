// Templates of kickstart files: as much of Jinja as Ironic's templates have. A value is put in, a part is there or not by a value; nothing is evaluated, and
// of nothing but `ks_options`.
//   {{ ks_options.NAME }}   {% if ks_options.NAME %} or {% if 'NAME' in ks_options %}, with `not`, {% else %}, {% endif %}   {# a comment #}
import { FaultError } from '../../../shared/faults.ts'

/** Absent: what a condition takes for false, and a template may not put in. */
export type Values = Readonly<Record<string, string | undefined>>

const TAG = /\{\{(.*?)\}\}|\{%-?(.*?)-?%\}|\{#.*?#\}/gs
const NAME = /^ks_options(?:\.(\w+)|\[(?:'(\w+)'|"(\w+)")\])$/
const CONDITION = /^if (not )?(?:(ks_options\S+)|['"](\w+)['"] (not )?in ks_options)$/

/** Throws a FaultError that names the line. */
export function render(template: string, values: Values): string {
  let text = ''
  let from = 0
  /** For each condition that is open: does its part count, as it stands? */
  const open: boolean[] = []
  const isShown = () => open.every(Boolean)
  const add = (part: string) => void (isShown() && (text += part))
  for (const tag of template.matchAll(TAG)) {
    const { index, 0: whole, 1: value, 2: statement } = tag
    const line = template.slice(0, index).split('\n').length
    const wrong = (why: string) =>
      new FaultError('request.invalid', `ks_template, line ${line}: ${why}`, {
        hint: 'a template has {{ ks_options.NAME }}, {% if ks_options.NAME %}, {% else %} and {% endif %}, and no more',
      })
    add(template.slice(from, index))
    from = index + whole.length
    if (value !== undefined) {
      if (isShown()) add(valueOf(value.trim(), values, wrong))
      continue
    }
    const word = statement?.trim().replaceAll(/\s+/g, ' ')
    if (word === 'endif' || word === 'else') {
      const last = open.pop()
      if (last === undefined) throw wrong(`${word} without if`)
      if (word === 'else') open.push(!last)
    } else if (word !== undefined) open.push(isTrue(word, values, wrong))
    // A line that is a statement and nothing else is no line.
    const isAlone = /(^|\n)[ \t]*$/.test(template.slice(0, index)) && /^[ \t]*\n/.test(template.slice(from))
    if (value === undefined && isAlone) from = template.indexOf('\n', from) + 1
  }
  if (open.length > 0)
    throw new FaultError('request.invalid', 'ks_template: an if without endif', { hint: 'close it with {% endif %}' })
  add(template.slice(from))
  return text
}

type Wrong = (why: string) => FaultError

function valueOf(expression: string, values: Values, wrong: Wrong): string {
  const name = nameOf(expression, wrong)
  const value = ownValue(values, name)
  if (value !== undefined) return value
  const known = Object.keys(values).toSorted().join(', ')
  throw wrong(
    Object.hasOwn(values, name)
      ? `this instance has no ${name}; ask for it with if`
      : `there is no ${name}; there are ${known}`,
  )
}

function isTrue(statement: string, values: Values, wrong: Wrong): boolean {
  const [, not, expression, quoted, notIn] = CONDITION.exec(statement) ?? []
  if (expression === undefined && quoted === undefined) throw wrong(`${statement} is not understood`)
  const name = quoted ?? nameOf(expression!, wrong)
  return (ownValue(values, name) !== undefined) !== ((not ?? notIn) !== undefined)
}

function nameOf(expression: string, wrong: Wrong): string {
  const [, dotted, single, double] = NAME.exec(expression) ?? []
  const name = dotted ?? single ?? double
  if (name === undefined) throw wrong(`${expression} is not understood`)
  return name
}

function ownValue(values: Values, name: string): string | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined
}
