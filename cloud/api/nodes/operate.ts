// Power, maintenance, boot device and validation of a node. Reads of the machine itself are relayed to its conductor.
import { z } from 'zod'
import { isUuid } from '../../../shared/ids.ts'
import { POWER_PLANS, type PowerTarget } from '../../plans.ts'
import { check, readBody } from '../body.ts'
import { empty, json, jsonOf, type Answer, type Call, type Route } from '../call.ts'
import { need } from '../microversion.ts'
import { IDENT, invalid, readQuery } from '../query.ts'
import { ask, change } from './ask.ts'
import { command, findNode, NAMED_SINCE, underWay } from './find.ts'
import { chars, Flag } from '../shapes.ts'
import { refuseInvalid, verdicts } from './validation.ts'

const PowerBody = z.strictObject({
  target: z.string({ error: 'the power state is needed' }).meta({ enum: Object.keys(POWER_PLANS) }),
  timeout: z.int().min(1).max(86_400).nullable().optional(),
})
/** How long it may be is looked at when there is such a node, and its version has it. */
const AskedPower = PowerBody.extend({ timeout: z.int().nullable().optional() })
const MaintenanceBody = z.strictObject({ reason: chars(4096).nullable().optional() })
const BootDeviceBody = z.strictObject({
  boot_device: chars(64, 1),
  persistent: Flag.default(false),
})

async function setPower(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const body = await readBody(call.request, AskedPower)
  const ident = call.params['ident']!
  const node = await findNode(call, ident)
  if (body.target.startsWith('soft')) need(call.version, 27, `The target "${body.target}"`)
  if (body.timeout) need(call.version, 27, 'A timeout')
  const { target, timeout } = check(PowerBody, body)
  if (!Object.hasOwn(POWER_PLANS, target)) throw invalid(`"${target}" is not a valid power state`)
  const wanted = { kind: 'node.power', node: node.uuid, target: target as PowerTarget } as const
  await refuseInvalid(call, node, ['power'])
  await command(call, node.site, timeout ? { ...wanted, timeoutMs: timeout * 1000 } : wanted)
  return underWay(call, ident)
}

function maintenance(on: boolean) {
  return async (call: Call): Promise<Answer> => {
    readQuery(call.search, [])
    const { reason } = on ? await readBody(call.request, MaintenanceBody) : {}
    const node = await findNode(call, call.params['ident']!)
    await command(call, node.site, { kind: 'node.maintenance', node: node.uuid, on, reason: reason ?? null })
    return empty(202)
  }
}

async function bootDevice(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  return jsonOf(await ask(call, call.params['ident']!, 'management', 'get_boot_device'))
}

async function setBootDevice(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  await change(
    call,
    call.params['ident']!,
    'management',
    'set_boot_device',
    await readBody(call.request, BootDeviceBody),
  )
  return empty(204)
}

async function bootDevices(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  return jsonOf(await ask(call, call.params['ident']!, 'management', 'get_supported_boot_devices'))
}

async function validate(call: Call): Promise<Answer> {
  const { ident: named } = call.params
  const query = readQuery(call.search, named === undefined ? ['node', 'node_uuid'] : [])
  const ident = named ?? query.get('node') ?? query.get('node_uuid')
  if (!ident) throw invalid('The query argument node is needed')
  if (!isUuid(ident)) need(call.version, NAMED_SINCE, 'The name of a node')
  // Vendor methods have arguments of their own, and nothing can be said of them without (Ironic leaves them out, too).
  const { vendor: _, ...interfaces } = await verdicts(call, await findNode(call, ident))
  return json(interfaces)
}

/** Before /v1/nodes/:ident, whose name it would be. */
export const validateRoute: Route = {
  method: 'GET',
  path: '/v1/nodes/validate',
  about: 'Can each interface of the node work with what it was given?',
  query: {
    node: { about: 'Name or UUID of the node', schema: IDENT, required: true },
    node_uuid: { about: 'The same, as old clients say it', schema: IDENT },
  },
  run: validate,
}

const NODE = '/v1/nodes/:ident'

export const operateRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: `${NODE}/validate`,
    about: 'Can each interface of the node work with what it was given?',
    run: validate,
  },
  {
    method: 'PUT',
    path: `${NODE}/states/power`,
    about: 'Switches the machine on or off, or restarts it',
    body: PowerBody,
    conditional: true,
    run: setPower,
  },
  {
    method: 'PUT',
    path: `${NODE}/maintenance`,
    about: 'Takes the node out of use',
    body: MaintenanceBody,
    run: maintenance(true),
  },
  {
    method: 'DELETE',
    path: `${NODE}/maintenance`,
    about: 'Takes the node into use again',
    ok: 202,
    run: maintenance(false),
  },
  { method: 'GET', path: `${NODE}/management/boot_device`, about: 'What the machine boots from', run: bootDevice },
  {
    method: 'PUT',
    path: `${NODE}/management/boot_device`,
    about: 'Sets what the machine boots from',
    body: BootDeviceBody,
    ok: 204,
    run: setBootDevice,
  },
  {
    method: 'GET',
    path: `${NODE}/management/boot_device/supported`,
    about: 'What the machine can be told to boot from',
    run: bootDevices,
  },
]
