// Lists of steps that are kept for later: deploy templates (1.55), chosen by a trait, and runbooks (1.92), named by a verb.
import { z } from 'zod'
import { deployTemplates, runbooks } from '../schema/organisation-resources.ts'
import { fieldsOf, sortOf } from '../store/json-sql.ts'
import { equals, invalid } from './query.ts'
import { routesOf, type Attributes, type Body, type Resource } from './resource.ts'
import { Dict, stepsOf, text, Trait, Uuid } from './shapes.ts'
import { ofOrganisation } from './writers.ts'
import type { Route } from './call.ts'

const TEMPLATES_SINCE = 55
const templateFields = fieldsOf('d')
const TEMPLATE_FIELDS = [
  ...templateFields.common('deploy_templates', TEMPLATES_SINCE),
  templateFields.column('name', TEMPLATES_SINCE),
  templateFields.json('steps', TEMPLATES_SINCE),
  templateFields.json('extra', TEMPLATES_SINCE),
]
const templateAttributes: Attributes = {
  name: { since: TEMPLATES_SINCE, schema: Trait, needed: true },
  steps: { since: TEMPLATES_SINCE, schema: stepsOf({ priority: z.int().min(0) }), keys: true, needed: true },
  extra: { since: TEMPLATES_SINCE, schema: Dict, keys: true },
  uuid: { since: TEMPLATES_SINCE, schema: Uuid, only: 'create' },
}

export const DEPLOY_TEMPLATES: Resource = {
  path: 'deploy_templates',
  since: TEMPLATES_SINCE,
  tooOld: 'method.not_allowed',
  key: 'deploy_templates',
  noun: 'Deploy template',
  from: 'deploy_templates d',
  uuid: 'd.uuid',
  id: 'd.id',
  namedSince: TEMPLATES_SINCE,
  fields: TEMPLATE_FIELDS,
  brief: ['uuid', 'name', 'links'],
  sort: sortOf(TEMPLATE_FIELDS, 'd.id'),
  fieldsSince: TEMPLATES_SINCE,
  detailSince: TEMPLATES_SINCE,
  filters: {},
  attributes: templateAttributes,
  writer: ofOrganisation(deployTemplates, {
    noun: 'Deploy template',
    attributes: templateAttributes,
    refuse: refuseTwins,
  }),
}

/** Each (interface, step) once: the same step twice would have two priorities. */
function refuseTwins({ steps }: Body): void {
  const seen = new Set<string>()
  for (const { interface: iface, step } of steps as { interface: string; step: string }[]) {
    const name = `${iface}.${step}`
    if (seen.has(name)) throw invalid(`The step ${name} is there twice`)
    seen.add(name)
  }
}

const RUNBOOKS_SINCE = 92
const runbookFields = fieldsOf('r')
const RUNBOOK_FIELDS = [
  ...runbookFields.common('runbooks', RUNBOOKS_SINCE),
  runbookFields.column('name', RUNBOOKS_SINCE),
  runbookFields.json('steps', RUNBOOKS_SINCE),
  runbookFields.flag('disable_ramdisk', RUNBOOKS_SINCE),
  runbookFields.flag('public', RUNBOOKS_SINCE),
  runbookFields.column('owner', RUNBOOKS_SINCE),
  runbookFields.json('extra', RUNBOOKS_SINCE),
  runbookFields.column('description', 112),
  runbookFields.json('traits', 112),
]
const runbookAttributes: Attributes = {
  name: { since: RUNBOOKS_SINCE, schema: Trait, needed: true },
  steps: { since: RUNBOOKS_SINCE, schema: stepsOf({ order: z.int().min(0) }), keys: true, needed: true },
  disable_ramdisk: { since: RUNBOOKS_SINCE, schema: z.boolean() },
  public: { since: RUNBOOKS_SINCE, schema: z.boolean() },
  owner: { since: RUNBOOKS_SINCE, schema: text(255) },
  extra: { since: RUNBOOKS_SINCE, schema: Dict, keys: true },
  description: { since: 112, schema: text(255) },
  uuid: { since: RUNBOOKS_SINCE, schema: Uuid, only: 'create' },
}

export const RUNBOOKS: Resource = {
  path: 'runbooks',
  since: RUNBOOKS_SINCE,
  tooOld: 'method.not_allowed',
  key: 'runbooks',
  noun: 'Runbook',
  from: 'runbooks r',
  uuid: 'r.uuid',
  id: 'r.id',
  namedSince: RUNBOOKS_SINCE,
  fields: RUNBOOK_FIELDS,
  brief: ['uuid', 'name', 'links'],
  sort: sortOf(RUNBOOK_FIELDS, 'r.id'),
  fieldsSince: RUNBOOKS_SINCE,
  detailSince: RUNBOOKS_SINCE,
  filters: { owner: equals('r.owner', RUNBOOKS_SINCE) },
  attributes: runbookAttributes,
  writer: ofOrganisation(runbooks, {
    noun: 'Runbook',
    attributes: runbookAttributes,
    refuse({ public: isPublic, owner }) {
      if (isPublic === true && typeof owner === 'string')
        throw invalid('A runbook is public, or has an owner, not both')
    },
  }),
}

export const stepListRoutes: readonly Route[] = [...routesOf(DEPLOY_TEMPLATES), ...routesOf(RUNBOOKS)]
