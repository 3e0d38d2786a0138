// Templates of kickstart files: as much of Jinja as Ironic's templates have. A value is put in, a part is there or not by a value; nothing is evaluated, and
// of nothing but `ks_options`.
// Whoever sets instance_info may have written it: the work grows with the length of the text, and no faster.
//   {{ ks_options.NAME }}   {% if ks_options.NAME %} or {% if 'NAME' in ks_options %}, with `not`, {% else %}, {% endif %}   {# a comment #}
import { FaultError } from '../../../shared/faults.ts'

/** Absent: what a condition takes for false, and a template may not put in. */
export type Values = Readonly<Record<string, string | undefined>>

const NAME = /^ks_options(?:\.(\w+)|\[(?:'(\w+)'|"(\w+)")\])$/
const CONDITION = /^if (not )?(?:(ks_options\S+)|['"](\w+)['"] (not )?in ks_options)$/

interface Tag {
  readonly kind: '{{' | '{%' | '{#'
  /** Between its brackets, in single blanks. */
  readonly inner: string
  readonly from: number
  readonly to: number
}

/** In their order; what nobody closes is text. */
function* tagsIn(template: string): Generator<Tag> {
  const closings = { '{{': '}}', '{%': '%}', '{#': '#}' }
  const neverClosed = new Set<string>()
  const opening = /\{[{%#]/g
  for (let found = opening.exec(template); found; found = opening.exec(template)) {
    const { index: from } = found
    const kind = found[0] as Tag['kind']
    const end = neverClosed.has(kind) ? -1 : template.indexOf(closings[kind], from + 2)
    opening.lastIndex = end === -1 ? from + 1 : end + 2
    if (end === -1) neverClosed.add(kind)
    else yield { kind, inner: innerOf(template.slice(from + 2, end), kind), from, to: end + 2 }
  }
}

function innerOf(text: string, kind: Tag['kind']): string {
  const bare = kind === '{%' ? text.replace(/^-/, '').replace(/-$/, '') : text
  return bare.trim().replaceAll(/\s+/g, ' ')
}

/** A line that is a statement or a comment and nothing else is no line: where the next one begins. */
function endOfLine(template: string, { kind, from, to }: Tag): number {
  if (kind === '{{') return to
  let before = from
  while (template[before - 1] === ' ' || template[before - 1] === '\t') before--
  if (before > 0 && template[before - 1] !== '\n') return to
  const rest = /[ \t]*\n/y
  rest.lastIndex = to
  return rest.test(template) ? rest.lastIndex : to
}

/** Throws a FaultError that names the line. */
export function render(template: string, values: Values): string {
  let text = ''
  let from = 0
  /** For each condition that is open: does its part count, as it stands? */
  const open: boolean[] = []
  let hidden = 0
  const enter = (counts: boolean) => {
    open.push(counts)
    if (!counts) hidden++
  }
  const leave = () => {
    const last = open.pop()
    if (last === false) hidden--
    return last
  }
  const add = (part: string) => void (hidden === 0 && (text += part))
  for (const tag of tagsIn(template)) {
    const { kind, inner } = tag
    const wrong = (why: string) =>
      new FaultError('request.invalid', `ks_template, line ${template.slice(0, tag.from).split('\n').length}: ${why}`, {
        hint: 'a template has {{ ks_options.NAME }}, {% if ks_options.NAME %}, {% else %} and {% endif %}, and no more',
      })
    add(template.slice(from, tag.from))
    from = endOfLine(template, tag)
    if (kind === '{{' && hidden === 0) add(valueOf(inner, values, wrong))
    if (kind !== '{%') continue
    if (inner === 'endif' || inner === 'else') {
      const last = leave()
      if (last === undefined) throw wrong(`${inner} without if`)
      if (inner === 'else') enter(!last)
    } else enter(isTrue(inner, values, wrong))
  }
  if (open.length > 0)
    throw new FaultError('request.invalid', 'ks_template: an if without endif', { hint: 'close it with {% endif %}' })
  add(template.slice(from))
  return text
}

const MOST_QUOTED = 100
const shortened = (text: string) => (text.length <= MOST_QUOTED ? text : `${text.slice(0, MOST_QUOTED)}…`)

type Wrong = (why: string) => FaultError

function valueOf(expression: string, values: Values, wrong: Wrong): string {
  const name = nameOf(expression, wrong)
  const value = ownValue(values, name)
  if (value !== undefined) return value
  const known = Object.keys(values).toSorted().join(', ')
  throw wrong(
    Object.hasOwn(values, name)
      ? `this instance has no ${name}; ask for it with if`
      : `there is no ${shortened(name)}; there are ${known}`,
  )
}

function isTrue(statement: string, values: Values, wrong: Wrong): boolean {
  const [, not, expression, quoted, notIn] = CONDITION.exec(statement) ?? []
  if (expression === undefined && quoted === undefined) throw wrong(`${shortened(statement)} is not understood`)
  const name = quoted ?? nameOf(expression!, wrong)
  return (ownValue(values, name) !== undefined) !== ((not ?? notIn) !== undefined)
}

function nameOf(expression: string, wrong: Wrong): string {
  const [, dotted, single, double] = NAME.exec(expression) ?? []
  const name = dotted ?? single ?? double
  if (name === undefined) throw wrong(`${shortened(expression)} is not understood`)
  return name
}

function ownValue(values: Values, name: string): string | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined
}
