// `npm run docs`: writes docs/reference from the tables in the code. `--check` fails when a file there is stale. A description of the API that
// breaks clients of the one before is written with `-- --breaking` only.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { ROUTES } from '../../cloud/api/routes.ts'
import { breaking } from '../../cloud/openapi/breaking.ts'
import { describe, type Document } from '../../cloud/openapi/document.ts'
import { FAULTS } from '../../shared/faults.ts'
import { AGENT_CORE } from '../../shared/core-steps.ts'
import { CORE_DEPLOY, INSPECT_BY_AGENT, PLANS, POWER_PLANS } from '../../cloud/plans.ts'
import { RESERVED } from '../../cloud/step-selection.ts'
import { differencesPage } from '../../e2e/ironic/wanted/page.ts'
import { STATE_NAMES, STATES, TRANSITIONS, VERBS, type State, type Verb } from '../../shared/states.ts'

import { driverFacts } from '../../site-conductor/driver-facts.ts'
import { NOT_TAKEN } from '../../site-conductor/drivers/common-info.ts'
import fakeHardware from '../../site-conductor/drivers/fake-hardware.ts'
import ipmi from '../../site-conductor/drivers/ipmi.ts'
import manualManagement from '../../site-conductor/drivers/manual-management.ts'
import {
  NOT_OFFERED,
  STEPS_NOT_OFFERED,
  TYPES_NOT_OFFERED,
  type NotOffered,
} from '../../site-conductor/drivers/not-offered.ts'
import redfish from '../../site-conductor/drivers/redfish.ts'
import { inspectionPage } from './inspection-page.ts'
import { NeutronSettings, OpenStackConfig } from '../../site-conductor/openstack/config.ts'

const GENERATED = '<!-- Written by `npm run docs`. Change the table in the code instead. -->\n'

const OPENAPI = 'openapi.json'
const pages: Record<string, string> = {
  'states.md': states(),
  'faults.md': faults(),
  'plans.md': plans(),
  [OPENAPI]: openapi(),
  'steps.md': steps(),
  'drivers.md': drivers(),
  'openstack.md': openstack(),
  'ironic-differences.md': differencesPage(GENERATED),
  'inspection.md': inspectionPage(GENERATED),
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
    ['inspect: agent', INSPECT_BY_AGENT] as const,
    ...Object.entries(POWER_PLANS).map(([target, { steps }]) => [`power: ${target}`, steps] as const),
  ]
  const parts = all.map(([kind, steps]) => {
    const rows = steps.map(
      (step, i) =>
        `| ${i + 1} | \`${step.interface}.${step.step}\` | ${step.waits ? 'waits for the agent' : ''}${step.pointOfNoReturn ? 'point of no return' : ''} |`,
    )
    return `## ${kind}\n\n| # | Step | |\n|---|---|---|\n${rows.join('\n')}\n`
  })
  const core = Object.entries(CORE_DEPLOY).map(
    ([name, { step, priority, is }]) =>
      `| \`${name}\` | \`deploy.${step}\` | ${priority} | ${is.map((each) => each.step).join(', ')} |`,
  )
  const deployments = [fakeHardware, ipmi, redfish, manualManagement].flatMap(({ name, interfaces }) =>
    Object.entries(interfaces.deploy ?? {}).map(
      ([of, { deployment: { core = AGENT_CORE, chooses, agentSteps } = {} }]) => {
        const has = chooses ? `those of the first of ${chooses.join(', ')} that takes the instance` : core.join(', ')
        return `| ${name} | ${of} | ${has || 'none'}${agentSteps ? ", and any of the agent's" : ''} |`
      },
    ),
  )
  const storages = Object.entries({ ...ipmi.interfaces.storage, ...fakeHardware.interfaces.storage }).map(
    ([name, { storage, steps }]) =>
      `| ${name} | ${storage?.boots ? 'yes' : 'no'} | ${steps?.['attach_volumes'] ? 'yes' : 'no'} |`,
  )
  const intro = [
    'The steps of each kind of task. Cleaning, deployments, service and verification have more of them, or others: see [steps.md](steps.md).',
    '',
    "A deployment has those of Ironic's core steps that its deploy interface says it has, each as smaller ones (docs/adr/0005); other steps find their place by their priority:",
    '',
    '| Core step | For Ironic | Priority | Is |',
    '|---|---|---|---|',
    ...core,
    '',
    '| Driver | Deploy interface | Core steps |',
    '|---|---|---|',
    ...deployments,
    '',
    'An instance without `image_source` whose storage interface boots volumes, on a node with a volume target of `boot_index` 0, has the core step `boot_from_network` instead of ' +
      'those in which an image is written ([volumes.md](../volumes.md)). Where the interface attaches volumes, `storage.attach_volumes` comes before the instance is booted, and before ' +
      'an active node is switched on; `storage.detach_volumes` with its tear-down, and when it has been switched off.',
    '',
    '| Storage interface | Boots volumes | Attaches them |',
    '|---|---|---|',
    ...storages,
  ].join('\n')
  return `# Plans\n\n${GENERATED}\n${intro}\n\n${parts.join('\n')}`
}

function drivers(): string {
  const cell = (text: string) => text.replaceAll('|', '\\|')
  const parts = [ipmi, redfish, manualManagement, fakeHardware].map((driver) => {
    const { name, about, interfaces, properties, secrets } = driverFacts(driver)
    const methods = Object.entries(driver.interfaces.vendor ?? {}).flatMap(([of, { vendor = {} }]) =>
      Object.entries(vendor).map(
        ([method, { http, async, shared, description }]) =>
          `| \`${method}\` | ${of} | ${http.join(', ')} | ${!async ? 'at once' : shared ? 'later' : 'a task'} | ${cell(description)} |`,
      ),
    )
    return [
      `## ${name}`,
      '',
      `${about}.`,
      '',
      '| Interface | Implementations, the default first |',
      '|---|---|',
      ...Object.entries(interfaces).map(([kind, of]) => `| ${kind} | ${of.map((each) => `\`${each}\``).join(', ')} |`),
      '',
      '| `driver_info` | |',
      '|---|---|',
      ...Object.entries(properties).map(
        ([field, text]) => `| \`${field}\` | ${cell(text)}${secrets.includes(field) ? ' (sealed to the site)' : ''} |`,
      ),
      ...(methods.length === 0
        ? []
        : ['', '| Vendor method | Of | HTTP | Answered | |', '|---|---|---|---|---|', ...methods]),
      '',
    ].join('\n')
  })
  return `# Drivers\n\n${GENERATED}\nWhat [steps](steps.md) each offers is told there.\n\n${parts.join('\n')}\n${notOffered()}\n`
}

function openstack(): string {
  const rows = (shape: typeof OpenStackConfig.shape | typeof NeutronSettings.shape) =>
    Object.entries(shape).map(([key, schema]) => {
      const preset = schema.safeParse(undefined)
      const value = preset.success && preset.data !== undefined ? `\`${JSON.stringify(preset.data)}\`` : ''
      return `| \`${key}\` | ${key === 'neutron' ? '' : value} | ${schema.description ?? ''} |`
    })
  return [
    '# The OpenStack file of a conductor',
    '',
    GENERATED,
    'How a conductor reaches the OpenStack of its site: a JSON file that `openstackFile` names. It holds no secrets, those are in files that it names. Keys that are not',
    'listed here are errors; `ferrule-conductor check` prints what it comes to.',
    '',
    '| Key | Default | |',
    '|---|---|---|',
    ...rows(OpenStackConfig.shape),
    '',
    'In `neutron` ([how it is used](../neutron.md)):',
    '',
    '| Key | Default | |',
    '|---|---|---|',
    ...rows(NeutronSettings.shape),
    '',
  ].join('\n')
}

function notOffered(): string {
  const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
    [head, ...rows]
      .map((cells) => `| ${cells.join(' | ')} |`)
      .toSpliced(1, 0, `|${'---|'.repeat(head.length)}`)
      .join('\n')
  const rowsOf = (all: readonly NotOffered[]) =>
    all.map(({ interface: kind, names, of, why }) => [
      `${kind}: ${names.map((name) => `\`${name}\``).join(', ')}`,
      of?.join(', ') ?? 'all',
      why,
    ])
  return [
    '## What Ironic has and drivers here do not',
    table(
      ['Hardware type', 'Why'],
      Object.entries(TYPES_NOT_OFFERED).map(([name, why]) => [`\`${name}\``, why]),
    ),
    table(['Implementation', 'Drivers', 'Why'], rowsOf(NOT_OFFERED)),
    table(['Step', 'Drivers', 'Why'], rowsOf(STEPS_NOT_OFFERED)),
    table(['driver_info', 'Why'], Object.entries(NOT_TAKEN)),
  ].join('\n\n')
}

function steps(): string {
  const rows = [fakeHardware, ipmi, redfish, manualManagement].flatMap((driver) => {
    const { name, steps: offered = {} } = driverFacts(driver)
    const merged = new Map<string, { of: string; needs: string; args: string; priorities: string[] }>()
    for (const [kind, list] of Object.entries(offered)) {
      for (const {
        interface: iface,
        of,
        step,
        priority,
        abortable,
        requires_ramdisk: ramdisk,
        argsinfo = {},
      } of list) {
        const key = `${iface}.${step} ${of}`
        const args = Object.entries(argsinfo).map(([arg, { required }]) => (required ? `${arg}*` : arg))
        const needs = [ramdisk === false ? '' : 'ramdisk', abortable ? 'abortable' : ''].filter(Boolean).join(', ')
        const entry = merged.get(key) ?? { of, needs, args: args.join(', '), priorities: [] }
        entry.priorities.push(`${kind} ${priority}`)
        merged.set(key, entry)
      }
    }
    const same = Map.groupBy(merged, ([key, { needs, args, priorities }]) => {
      const [step] = key.split(' ')
      return `| ${name} | \`${step}\` | OF | ${priorities.join(', ')} | ${needs} | ${args} |`
    })
    return [...same].map(([row, of]) => row.replace('OF', of.map(([, entry]) => entry.of).join(', ')))
  })
  const lines = [
    '# Steps to choose from',
    '',
    GENERATED,
    'What drivers offer beside the [plans](plans.md), with the priority for each purpose: 0 is on request only. `stepPriorities` of a conductor changes them.',
    '',
    '| Driver | Step | Implementation | Priority | | Arguments (* needed) |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
    'Automated cleaning and verification do every step with a priority, the highest first. A deployment has the core steps, those of the driver with a',
    "priority, those of deploy templates that `instance_info.traits` names, and the request's `deploy_steps`; of two with the same name the later of these",
    'wins, and priority 0 switches one off. `clean_steps`, `service_steps` and runbooks keep their order.',
    '',
    `With any interface: ${[...RESERVED].map((step) => `\`${step}\``).join(', ')}. \`hold\` parks the node until \`unhold\`; \`wait\` takes \`seconds\`, or waits for the agent's next call.`,
  ]
  return `${lines.join('\n')}\n`
}
