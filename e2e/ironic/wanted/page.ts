// docs/reference/ironic-differences.md: the wanted differences for those who come from Ironic.
import type { Wanted } from '../wanted.ts'
import { ABSENT, NEWEST, type Sent, type Things } from '../requests/sent.ts'
import { KINDS } from './all.ts'

/** Names instead of identifiers. */
const THINGS: Things = {
  nodes: ['{node}', '{node 2}'],
  names: ['{node}', '{node 2}'],
  ports: ['{port}', '{port 2}'],
  macs: ['{MAC}', '{MAC 2}', '{MAC 3}'],
  portgroup: '{portgroup}',
  chassis: '{chassis}',
  connector: '{connector}',
  target: '{target}',
  allocation: '{allocation}',
  template: '{template}',
  trait: '{trait}',
  instance: '{instance}',
  fresh: ['{new}', '{new 2}', '{new 3}'],
}
const LONG = 30
const MAX_BODY = 160

const shorter = (_: string, value: unknown) =>
  typeof value === 'string' && value.length > LONG && !value.startsWith('{') ? `${value.slice(0, 3)}… (${value.length})` : value // prettier-ignore

function shown({ method, path, body, raw, version }: Sent): string {
  const text = raw ?? (body === undefined ? '' : JSON.stringify(body, shorter))
  const at = version === NEWEST ? '' : ` at 1.${version}`
  return `${method} ${path.replace(/^\/v1(?=.)/, '')} ${text.slice(0, MAX_BODY)}`.trim().replaceAll(ABSENT, '{absent}') + at // prettier-ignore
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;')

function row(wanted: Wanted): string {
  const sent = wanted.example(THINGS).map((each) => `\`${cell(shown(each))}\``)
  const statuses = 'status' in wanted ? wanted.status.map((each) => [each].flat().join(', ')) : ['', '']
  return `| ${cell(wanted.name)} | ${sent.join(', then ')} | ${statuses.join(' | ')} | ${cell(wanted.why)} |`
}

export function differencesPage(generated: string): string {
  const parts = Object.entries(KINDS).map(([title, all]) =>
    [`## ${title}`, '', '| What | Request | Ironic | Ferrule | Why |', '|---|---|---|---|---|', ...all.map(row)].join(
      '\n',
    ),
  )
  return [
    '# Differences to Ironic',
    '',
    generated,
    'Where Ferrule answers otherwise than Ironic 21.4 (Debian 12, API 1.1 to 1.82) and means to. `e2e/ironic` sends the same random requests to both, compares status, headers that',
    'clients read and every field, and fails on any difference that is not listed here; and on one that is listed and shows no more. Statuses are told where they differ; where',
    'none are, the answers differ in fields. Newer microversions are not compared with a running Ironic.',
    '',
    'A request with several faults may be refused for another one of them. Where each of the two servers refuses a request with less in it in the same way (status and words), and of both of',
    'those it is known what the two answer, the pair is not listed; below are those for which leaving something out shows nothing.',
    '',
    parts.join('\n\n'),
    '',
  ].join('\n')
}
