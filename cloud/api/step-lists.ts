// Lists of steps that are kept for later: deploy templates (1.55), chosen by a trait, and runbooks (1.92), named by a verb.
import { z } from 'zod'
import { deployTemplates, runbooks } from '../schema/organisation-resources.ts'
import { MASK } from '../../shared/sealing.ts'
import type { PatchOperation } from '../site-hub/commands.ts'
import { fieldsOf, sortOf, type Field } from '../store/json-sql.ts'
import { maskedSteps } from '../store/masked-sql.ts'
import { check } from './body.ts'
import { equals, invalid } from './query.ts'
import { findRow } from './items.ts'
import type { Attributes, Body, Resource } from './resource.ts'
import { routesOf } from './resource-routes.ts'
import { DictOrNull, FlagOrNull, Name, priority, stepsOf, text, Trait, Uuid } from './shapes.ts'
import { traitRoutes } from './traits.ts'
import { ofOrganisation } from './writers.ts'
import type { Route } from './call.ts'

/** A table of lists, each with a name; `alias` is what its fields' SQL calls it. */
const named = (path: string, noun: string, alias: string, since: number, fields: readonly Field[]) =>
  ({
    path,
    since,
    tooOld: 'method.not_allowed',
    key: path,
    noun,
    from: `${path} ${alias}`,
    uuid: `${alias}.uuid`,
    id: `${alias}.id`,
    namedSince: since,
    fields,
    brief: ['uuid', 'name', 'links'],
    sort: sortOf(fields, `${alias}.id`),
    fieldsSince: since,
    detailSince: since,
  }) as const

const TEMPLATES_SINCE = 55
const templateFields = fieldsOf('d')
const TEMPLATE_FIELDS = [
  ...templateFields.common('deploy_templates', TEMPLATES_SINCE),
  templateFields.column('name', TEMPLATES_SINCE),
  { name: 'steps', since: TEMPLATES_SINCE, sql: maskedSteps('d.steps') },
  templateFields.json('extra', TEMPLATES_SINCE),
]
const templateAttributes: Attributes = {
  name: { since: TEMPLATES_SINCE, schema: Trait, required: true },
  steps: {
    since: TEMPLATES_SINCE,
    schema: stepsOf({ priority: priority(Number.MAX_SAFE_INTEGER) }),
    keys: true,
    required: true,
  },
  extra: { since: TEMPLATES_SINCE, schema: DictOrNull, keys: true },
  uuid: { since: TEMPLATES_SINCE, schema: Uuid, only: 'create' },
}

export const DEPLOY_TEMPLATES: Resource = {
  ...named('deploy_templates', 'Deploy template', 'd', TEMPLATES_SINCE, TEMPLATE_FIELDS),
  filters: {},
  attributes: templateAttributes,
  writer: ofOrganisation(deployTemplates, {
    noun: 'Deploy template',
    attributes: templateAttributes,
    refuse: refuseSteps,
  }),
}

/** Each (interface, step) once: the same step twice would have two priorities. What was shown in place of a secret is none. */
function refuseSteps({ steps }: Body): void {
  if (JSON.stringify(steps).includes(`"${MASK}"`))
    throw invalid(`An argument reads ${MASK}, which is shown in place of a secret: say the secret itself`)
  const seen = new Set<string>()
  for (const { interface: iface, step } of steps as { interface: string; step: string }[]) {
    const name = `${iface}.${step}`
    if (seen.has(name)) throw invalid(`The step ${name} is there twice`)
    seen.add(name)
  }
}

const RUNBOOKS_SINCE = 92
/** Until then a runbook was for the nodes that had its name as a trait. */
const TRAITS_SINCE = 112
const runbookFields = fieldsOf('r')
const RUNBOOK_FIELDS = [
  ...runbookFields.common('runbooks', RUNBOOKS_SINCE),
  runbookFields.column('name', RUNBOOKS_SINCE),
  { name: 'steps', since: RUNBOOKS_SINCE, sql: maskedSteps('r.steps') },
  runbookFields.flag('disable_ramdisk', RUNBOOKS_SINCE),
  runbookFields.flag('public', RUNBOOKS_SINCE),
  runbookFields.column('owner', RUNBOOKS_SINCE),
  runbookFields.json('extra', RUNBOOKS_SINCE),
  runbookFields.column('description', TRAITS_SINCE),
  runbookFields.json('traits', TRAITS_SINCE),
]
const runbookAttributes: Attributes = {
  name: { since: RUNBOOKS_SINCE, schema: Name, required: true },
  steps: { since: RUNBOOKS_SINCE, schema: stepsOf({ order: z.int().min(0) }), keys: true, required: true },
  disable_ramdisk: { since: RUNBOOKS_SINCE, schema: FlagOrNull },
  public: { since: RUNBOOKS_SINCE, schema: FlagOrNull },
  owner: { since: RUNBOOKS_SINCE, schema: text(255) },
  extra: { since: RUNBOOKS_SINCE, schema: DictOrNull, keys: true },
  description: { since: TRAITS_SINCE, schema: text(255) },
  // Changed through …/traits alone.
  traits: {
    since: TRAITS_SINCE,
    schema: z
      .array(Trait)
      .max(255)
      .transform((traits) => [...new Set(traits)].sort()),
    only: 'create',
  },
  uuid: { since: RUNBOOKS_SINCE, schema: Uuid, only: 'create' },
}

const runbookRows = ofOrganisation(runbooks, {
  noun: 'Runbook',
  attributes: runbookAttributes,
  refuse(after, before, call) {
    refuseSteps(after)
    const { name, public: isPublic, owner } = after
    if (call.version < TRAITS_SINCE && name !== before?.['name']) check(Trait, name, 'name')
    if (isPublic === true && typeof owner === 'string') throw invalid('A runbook is public, or has an owner, not both')
  },
})

export const RUNBOOKS: Resource = {
  ...named('runbooks', 'Runbook', 'r', RUNBOOKS_SINCE, RUNBOOK_FIELDS),
  filters: { owner: equals('r.owner', RUNBOOKS_SINCE) },
  attributes: runbookAttributes,
  writer: { ...runbookRows, patch: (call, found, patch, query) => runbookRows.patch(call, found, freed(patch), query) },
}

/** What becomes public is nobody's. */
function freed(patch: readonly PatchOperation[]): readonly PatchOperation[] {
  const isFreed = patch.some(({ path, value }) => path === '/public' && value === true)
  return isFreed && !patch.some(({ path }) => path === '/owner') ? [...patch, { op: 'remove', path: '/owner' }] : patch
}

const runbookTraits = traitRoutes('/v1/runbooks/:ident', 'runbook', TRAITS_SINCE, {
  async read(call, ident) {
    const { uuid } = await findRow(RUNBOOKS, call, ident)
    const [row] = await call.sql.all('SELECT traits FROM runbooks WHERE uuid = ?', [uuid])
    return JSON.parse(String(row![0])) as string[]
  },
  async change(call, ident, change, wanted = []) {
    const found = await findRow(RUNBOOKS, call, ident)
    const present = await this.read(call, found.uuid)
    const after =
      change === 'set'
        ? wanted
        : change === 'add'
          ? [...present, ...wanted]
          : present.filter((trait) => !wanted.includes(trait))
    await RUNBOOKS.writer.patch(
      call,
      found,
      [{ op: 'replace', path: '/traits', value: [...new Set(after)].sort() }],
      new Map(),
    )
  },
})

export const stepListRoutes: readonly Route[] = [...routesOf(DEPLOY_TEMPLATES), ...routesOf(RUNBOOKS), ...runbookTraits]
