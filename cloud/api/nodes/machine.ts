// What is asked of, or done to, the machine of a node beside power and provisioning: boot mode, secure boot, console, interrupt, indicators, virtual
// media. What takes a while is a task of one step (202); the rest is a call to the node's conductor.
import { z } from 'zod'
import { check, readBody } from '../body.ts'
import { empty, json, jsonOf, links, type Answer, type Call, type Route } from '../call.ts'
import { invalid, names, readQuery } from '../query.ts'
import { Flag } from '../shapes.ts'
import { ask, change, shaped } from './ask.ts'
import { command, findNode, underWay } from './find.ts'

const BootModeBody = z.strictObject({ target: z.enum(['uefi', 'bios']) })
const BootModes = z.object({ supported_boot_modes: z.array(z.string()) })
const SecureBootBody = z.strictObject({ target: Flag })
const ConsoleBody = z.strictObject({ enabled: Flag })
const Empty = z.strictObject({})
const IndicatorBody = z.strictObject({ state: z.enum(['off', 'on', 'blinking', 'unknown']) })
const DEVICE_TYPES = ['cdrom', 'floppy', 'disk'] as const
const MediaBody = z.strictObject({
  device_type: z.enum(DEVICE_TYPES),
  image_url: z.string().regex(/^(https?|nfs|cifs|smb):\/\//i, 'must be an http, https, nfs, cifs or smb URL'),
  image_download_source: z.enum(['http', 'local', 'swift']).default('local'),
})

const DeviceTypes = z.array(z.enum(DEVICE_TYPES)).min(1)

const identOf = (call: Call) => call.params['ident']!

/** Opens the task; where to watch it. */
async function begin(
  call: Call,
  iface: string,
  step: string,
  args: Record<string, unknown>,
  watched?: string,
): Promise<Answer> {
  const ident = identOf(call)
  const node = await findNode(call, ident)
  await command(call, node.site, { kind: 'node.step', node: node.uuid, task: 'settings', interface: iface, step, args })
  return underWay(call, ident, watched)
}

async function setBootMode(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const { target } = await readBody(call.request, BootModeBody)
  const supported = await change(call, identOf(call), 'management', 'get_supported_boot_modes')
  const { supported_boot_modes: modes } = shaped(BootModes, supported, 'a list of boot modes')
  if (!modes.includes(target)) throw invalid(`The boot mode "${target}" is not possible with this node`)
  return begin(call, 'management', 'set_boot_mode', { mode: target })
}

async function setSecureBoot(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const { target } = await readBody(call.request, SecureBootBody)
  await change(call, identOf(call), 'management', 'get_secure_boot_state') // a machine without it has no state either
  return begin(call, 'management', 'set_secure_boot', { enabled: target })
}

async function getConsole(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const { uuid } = await findNode(call, identOf(call))
  const info = await ask(call, uuid, 'console', 'get_console')
  const enabled = await isConsoleOn(call, uuid)
  return json({ console_enabled: enabled, console_info: enabled ? info : null })
}

async function isConsoleOn(call: Call, uuid: string): Promise<boolean> {
  const [row] = await call.sql.all('SELECT console_enabled FROM nodes WHERE uuid = ?', [uuid])
  return row?.[0] === 1
}

async function setConsole(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const { enabled } = await readBody(call.request, ConsoleBody)
  const { uuid } = await findNode(call, identOf(call))
  // One that is on can be switched off whether its machine still has one or not.
  if (enabled || !(await isConsoleOn(call, uuid))) await ask(call, uuid, 'console', 'get_console')
  return begin(call, 'console', enabled ? 'start_console' : 'stop_console', {}, 'states/console')
}

async function injectNmi(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  await readBody(call.request, Empty)
  await change(call, identOf(call), 'management', 'inject_nmi')
  return empty(204)
}

const Indicators = z.array(z.object({ name: z.string(), readonly: z.boolean(), states: z.array(z.string()) }))

async function listIndicators(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const ident = identOf(call)
  const found = await ask(call, ident, 'management', 'get_supported_indicators')
  const indicators = shaped(Indicators, found, 'a list of indicators').map(({ name, readonly, states }) => ({
    name,
    component: name.split('@')[1],
    readonly,
    states,
    // @ stands for itself in a path (RFC 3986 §3.3), and Ironic writes it so.
    links: links(call.base, `nodes/${ident}/management/indicators/${encodeURIComponent(name).replaceAll('%40', '@')}`),
  }))
  return json({ indicators })
}

const indicatorOf = (call: Call) => ({ indicator: call.params['name']! })

async function getIndicator(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  return json({ state: await ask(call, identOf(call), 'management', 'get_indicator_state', indicatorOf(call)) })
}

async function setIndicator(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const { state } = await readBody(call.request, IndicatorBody)
  await change(call, identOf(call), 'management', 'set_indicator_state', { ...indicatorOf(call), state })
  return empty(204)
}

async function getMedia(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  return jsonOf(await ask(call, identOf(call), 'management', 'get_virtual_media'))
}

async function attachMedia(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const body = await readBody(call.request, MediaBody)
  await change(call, identOf(call), 'management', 'attach_virtual_media', body)
  return empty(204)
}

async function detachMedia(call: Call): Promise<Answer> {
  const types = readQuery(call.search, ['device_types']).get('device_types')
  const args = types === undefined ? {} : { device_types: check(DeviceTypes, names(types), 'device_types') }
  await change(call, identOf(call), 'management', 'detach_virtual_media', args)
  return empty(204)
}

const NODE = '/v1/nodes/:ident'

export const machineRoutes: readonly Route[] = [
  {
    method: 'PUT',
    path: `${NODE}/states/boot_mode`,
    since: 76,
    about: 'Sets the boot mode of the machine, uefi or bios',
    body: BootModeBody,
    run: setBootMode,
  },
  {
    method: 'PUT',
    path: `${NODE}/states/secure_boot`,
    since: 76,
    about: 'Switches secure boot of the machine on or off',
    body: SecureBootBody,
    run: setSecureBoot,
  },
  {
    method: 'GET',
    path: `${NODE}/states/console`,
    key: true,
    about: 'Is the console on, and where is it?',
    run: getConsole,
  },
  {
    method: 'PUT',
    path: `${NODE}/states/console`,
    about: 'Switches the console on or off',
    body: ConsoleBody,
    run: setConsole,
  },
  {
    method: 'PUT',
    path: `${NODE}/management/inject_nmi`,
    since: 29,
    about: 'Sends the machine a diagnostic interrupt (NMI)',
    body: Empty,
    ok: 204,
    run: injectNmi,
  },
  {
    method: 'GET',
    path: `${NODE}/management/indicators`,
    since: 63,
    about: 'Lights of the machine and what they can show',
    run: listIndicators,
  },
  {
    method: 'GET',
    path: `${NODE}/management/indicators/:name`,
    since: 63,
    about: 'What a light of the machine shows',
    run: getIndicator,
  },
  {
    method: 'PUT',
    path: `${NODE}/management/indicators/:name`,
    since: 63,
    about: 'Makes a light of the machine show something',
    body: IndicatorBody,
    ok: 204,
    run: setIndicator,
  },
  { method: 'GET', path: `${NODE}/vmedia`, since: 93, about: 'Virtual media that are attached', run: getMedia },
  {
    method: 'POST',
    path: `${NODE}/vmedia`,
    since: 89,
    about: 'Attaches an image as a virtual medium',
    body: MediaBody,
    ok: 204,
    run: attachMedia,
  },
  {
    method: 'DELETE',
    path: `${NODE}/vmedia`,
    since: 89,
    about: 'Detaches virtual media',
    query: {
      device_types: {
        about: 'Which, separated by commas. All, when absent',
        schema: { type: 'array', minItems: 1, items: { enum: DEVICE_TYPES } },
      },
    },
    run: detachMedia,
  },
]
