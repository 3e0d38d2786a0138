// What the verbs of PUT states/provision take beside their name: steps, a runbook, a config drive, a password. 1. An argument that the verb does not
// take is refused, not ignored. 2. Secrets are sealed to the site here; no row, frame or log ever has them open.
import { z } from 'zod'
import { VERBS, type Verb } from '../../../shared/states.ts'
import type { ProvisionArgs } from '../../site-hub/commands.ts'
import { type AskedStep, refuseDenied } from '../../step-selection.ts'
import type { Call } from '../call.ts'
import { check } from '../body.ts'
import { need } from '../microversion.ts'
import { invalid } from '../query.ts'
import { ConfigDrive, keepConfigDrive, sealFor, type Target } from './config-drive.ts'
import { chars, Dict, priority } from '../shapes.ts'

/** A config drive is the largest of what may be given. */
export const MAX_BODY_BYTES = 64 * 1024 * 1024

const name = chars(64, 1)
const Step = z.strictObject({
  interface: z.enum(['bios', 'boot', 'deploy', 'firmware', 'management', 'network', 'power', 'raid', 'vendor']),
  step: name,
  args: Dict.optional(),
  order: z.int().min(0).optional(),
})
const MAX_STEPS = 60
/** In the order in which they are to be done. Some are for the children of the node: all, or those that are named. */
const OrderedSteps = z
  .array(
    Step.extend({
      execute_on_child_nodes: z.boolean().optional(),
      limit_child_node_execution: z.array(z.string().min(1).max(255)).min(1).max(100).optional(),
    }),
  )
  .max(MAX_STEPS)
/** The priority gives each its place among the others. */
const DeploySteps = z.array(Step.omit({ order: true }).extend({ priority: priority(100_000) })).max(MAX_STEPS)

export const ProvisionBody = z.strictObject({
  target: z.string({ error: 'the verb is needed' }).meta({ enum: Object.keys(VERBS) }),
  configdrive: ConfigDrive.nullable().optional(),
  clean_steps: OrderedSteps.nullable().optional(),
  deploy_steps: DeploySteps.nullable().optional(),
  service_steps: OrderedSteps.nullable().optional(),
  rescue_password: chars(255).nullable().optional(),
  disable_ramdisk: z.boolean().nullable().optional(),
  runbook: chars(255, 1).nullable().optional(),
})
export type ProvisionBody = z.infer<typeof ProvisionBody>

const Steps = z.array(z.unknown()).nullable().optional()
/** The same by its types alone: what is in it is looked at when the verb is known to be possible. */
export const AskedVerb = ProvisionBody.extend({
  configdrive: z
    .union([z.string(), z.record(z.string(), z.unknown())])
    .nullable()
    .optional(),
  clean_steps: Steps,
  deploy_steps: Steps,
  service_steps: Steps,
  rescue_password: z.string().nullable().optional(),
  runbook: z.string().nullable().optional(),
})
type AskedVerb = z.infer<typeof AskedVerb>
type Argument = Exclude<keyof ProvisionBody, 'target'>

/** What each trigger takes, and since which microversion. */
const TAKES: Readonly<Record<string, Partial<Record<Argument, number>>>> = {
  deploy: { configdrive: 1, deploy_steps: 69 },
  rebuild: { configdrive: 35, deploy_steps: 69 },
  clean: { clean_steps: 15, disable_ramdisk: 70, runbook: 92 },
  service: { service_steps: 87, disable_ramdisk: 108, runbook: 92 },
  rescue: { rescue_password: 38 },
}

/** Throws 400 for what the verb does not take, or lacks, and 406 for what the request's version does not have. */
export async function argumentsOf(call: Call, node: Target, verb: Verb, asked: AskedVerb): Promise<ProvisionArgs> {
  const { target: _, ...given } = asked
  const takes = TAKES[VERBS[verb]] ?? {}
  for (const [argument, value] of Object.entries(given) as [Argument, unknown][]) {
    if (value === undefined || value === null) continue
    const since = takes[argument]
    if (since === undefined) throw invalid(`"${argument}" is not possible with the target "${verb}"`)
    need(call.version, since, `"${argument}" with the target "${verb}"`)
  }
  const body = check(ProvisionBody, asked)
  const steps = stepsOf(verb, body)
  const { runbook, disable_ramdisk: disableRamdisk, configdrive } = body
  return {
    ...(steps && { steps }),
    ...(runbook && { runbook }),
    ...(typeof disableRamdisk === 'boolean' && { disableRamdisk }),
    ...(verb === 'rescue' && { rescuePassword: await sealPassword(call, node, body.rescue_password) }),
    ...(configdrive !== undefined &&
      configdrive !== null && { configdrive: await keepConfigDrive(call, node, configdrive) }),
  }
}

function stepsOf(verb: Verb, body: ProvisionBody): AskedStep[] | undefined {
  const { clean_steps: clean, deploy_steps: deploy, service_steps: service, runbook } = body
  const steps = (clean ?? deploy ?? service ?? undefined) as AskedStep[] | undefined
  if (verb === 'clean' || verb === 'service') {
    if (steps && runbook) throw invalid(`"${verb}_steps" and "runbook" exclude each other`)
    if (!runbook && !steps?.length) throw invalid(`The target "${verb}" needs "${verb}_steps" or a "runbook"`)
  }
  if (steps) refuseDenied(steps)
  return steps
}

async function sealPassword(call: Call, node: Target, password: string | null | undefined): Promise<string> {
  if (!password) throw invalid('The target "rescue" needs a "rescue_password"')
  return sealFor(call, node, 'instance_info.rescue_password', password)
}
