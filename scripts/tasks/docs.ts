// `npm run docs`: writes docs/reference from the tables in the code. `--check` fails when a file there is stale. A description of the API that
// breaks clients of the one before is written with `-- --breaking` only.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { ROUTES } from '../../cloud/api/routes.ts'
import { breaking } from '../../cloud/openapi/breaking.ts'
import { describe, type Document } from '../../cloud/openapi/document.ts'
import { FAULTS } from '../../shared/faults.ts'
import { PLANS, POWER_PLANS } from '../../cloud/plans.ts'
import { STATE_NAMES, STATES, TRANSITIONS, VERBS, type State, type Verb } from '../../shared/states.ts'

const GENERATED = '<!-- Written by `npm run docs`. Change the table in the code instead. -->\n'

const OPENAPI = 'openapi.json'
const pages: Record<string, string> = {
  'states.md': states(),
  'faults.md': faults(),
  'plans.md': plans(),
  [OPENAPI]: openapi(),
}

const check = process.argv.includes('--check')
mkdirSync('docs/reference', { recursive: true })
const broken = brokenClients()
if (broken.length > 0 && !process.argv.includes('--breaking')) {
  console.error(
    `This breaks clients of the API:\n  ${broken.join('\n  ')}\nIf that is meant: npm run docs -- --breaking`,
  )
  process.exit(1)
}
const stale: string[] = []
for (const [name, text] of Object.entries(pages)) {
  const path = `docs/reference/${name}`
  if (existsSync(path) && readFileSync(path, 'utf8') === text) continue
  stale.push(path)
  if (!check) writeFileSync(path, text)
}
if (check && stale.length > 0) console.error(`stale: ${stale.join(', ')}. Run: npm run docs`)
else console.log(stale.length > 0 ? `wrote ${stale.join(', ')}` : `${Object.keys(pages).length} pages are up to date`)
process.exit(check && stale.length > 0 ? 1 : 0)

function openapi(): string {
  return `${JSON.stringify(describe(ROUTES), null, 1)}\n`
}

function brokenClients(): string[] {
  const path = `docs/reference/${OPENAPI}`
  if (!existsSync(path)) return []
  return breaking(JSON.parse(readFileSync(path, 'utf8')) as Document, JSON.parse(pages[OPENAPI]!) as Document)
}

function states(): string {
  const facts = (state: State): { kind: string; target?: string; expectedS?: number } => STATES[state]
  const id = (state: State) => state.replaceAll(/[ -]/g, '_')
  const lines = [
    '# Provision states',
    '',
    GENERATED,
    'Solid arrows: a verb of `PUT /v1/nodes/{id}/states/provision`. Dotted: the work itself.',
    '',
    '```mermaid',
    'stateDiagram-v2',
    ...STATE_NAMES.map((state) => `  state "${state}" as ${id(state)}`),
    ...TRANSITIONS.map(
      ([from, trigger, to, actor]) => `  ${id(from)} --> ${id(to)} : ${actor === 'user' ? trigger : `(${trigger})`}`,
    ),
    '```',
    '',
    '| State | Kind | On its way to | Expected | Verbs from here |',
    '|---|---|---|---|---|',
    ...STATE_NAMES.map((state) => {
      const { kind, target, expectedS } = facts(state)
      const verbs = (Object.keys(VERBS) as Verb[]).filter((verb) =>
        TRANSITIONS.some((row) => row[0] === state && row[3] === 'user' && row[1] === VERBS[verb]),
      )
      return `| ${state} | ${kind} | ${target ?? ''} | ${expectedS === undefined ? '' : `${expectedS} s`} | ${verbs.join(', ')} |`
    }),
    '',
    '| From | Trigger | To | By |',
    '|---|---|---|---|',
    ...TRANSITIONS.map((row) => `| ${row.join(' | ')} |`),
  ]
  return `${lines.join('\n')}\n`
}

function faults(): string {
  const rows = Object.entries(FAULTS).map(
    ([code, { status, retry, hint }]) => `| \`${code}\` | ${status} | ${retry ? 'yes' : 'no'} | ${hint} |`,
  )
  return `# Faults\n\n${GENERATED}\nHow a failure is named in answers, \`last_error\`, events and logs.\n\n| Code | HTTP status | Can a retry help? | Next action |\n|---|---|---|---|\n${rows.join('\n')}\n`
}

function plans(): string {
  const all = [
    ...Object.entries(PLANS),
    ...Object.entries(POWER_PLANS).map(([target, { steps }]) => [`power: ${target}`, steps] as const),
  ]
  const parts = all.map(([kind, steps]) => {
    const rows = steps.map(
      (step, i) =>
        `| ${i + 1} | \`${step.interface}.${step.step}\` | ${step.waits ? 'waits for the agent' : ''}${step.pointOfNoReturn ? 'point of no return' : ''} |`,
    )
    return `## ${kind}\n\n| # | Step | |\n|---|---|---|\n${rows.join('\n')}\n`
  })
  return `# Plans\n\n${GENERATED}\nThe steps of each kind of task.\n\n${parts.join('\n')}`
}
