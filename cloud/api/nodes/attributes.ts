// What may be given for a node: one table of attribute, microversion and schema, from which creation and PATCH both come.
import { z } from 'zod'
import { parseMac } from '../../../shared/ids.ts'
import type { Patchable } from '../patch.ts'
import { INTERFACES } from './fields.ts'
import { NODE_NAME } from './find.ts'

const RESERVED_NAMES = ['maintenance', 'management', 'states', 'vendor_passthru', 'detail', 'validate']
const UUID_LIKE = /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i

export const Uuid = z.guid().transform((text) => text.toLowerCase())
export const Dict = z.record(z.string(), z.unknown())
const text = (max: number) => z.string().max(max).nullable()
const switched = z.boolean()

/** RFC 3986's unreserved characters, no word of a path below /nodes, nothing that could be taken for a UUID. */
const Name = z
  .string()
  .regex(NODE_NAME, 'a name has 1 to 255 of the characters A-Z a-z 0-9 . _ ~ -')
  .refine((name) => !RESERVED_NAMES.includes(name), 'this name is reserved')
  .refine((name) => !UUID_LIKE.test(name), 'a name must not look like a UUID')
  .meta({
    pattern: `^(?!(${RESERVED_NAMES.join('|')})$)(?![0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$)[A-Za-z0-9._~-]{1,255}$`,
  })
  .nullable()

const attribute = (since: number, plain: z.ZodType, keys?: true): Patchable => {
  const schema = plain.meta({ 'x-ironic-since': `1.${since}` })
  return keys ? { since, schema, keys } : { since, schema }
}

const interfaces = Object.entries(INTERFACES).map(([name, since]) => [`${name}_interface`, attribute(since, text(255))])

/** Attributes that creation and PATCH share. */
export const NODE_ATTRIBUTES: Readonly<Record<string, Patchable>> = {
  automated_clean: attribute(47, switched.nullable()),
  chassis_uuid: attribute(1, Uuid.nullable()),
  description: attribute(51, text(4096)),
  driver: { ...attribute(1, z.string().min(1).max(255)), needed: true },
  driver_info: attribute(1, Dict, true),
  extra: attribute(1, Dict, true),
  instance_info: attribute(1, Dict, true),
  instance_uuid: attribute(1, Uuid.nullable()),
  lessee: attribute(65, text(255)),
  maintenance: attribute(1, switched),
  name: attribute(5, Name),
  network_data: attribute(66, Dict, true),
  owner: attribute(50, text(255)),
  properties: attribute(1, Dict, true),
  resource_class: attribute(21, text(80)),
  retired: attribute(61, switched),
  retired_reason: attribute(61, text(4096)),
  ...Object.fromEntries(interfaces),
}

export const NODE_PATCHABLE: Readonly<Record<string, Patchable>> = {
  ...NODE_ATTRIBUTES,
  protected: attribute(48, switched),
  protected_reason: attribute(48, text(4096)),
}

/** `conductor_group` names the site. */
const NODE_CREATE_ONLY: Readonly<Record<string, Patchable>> = {
  uuid: attribute(1, Uuid),
  conductor_group: attribute(
    46,
    z
      .string()
      .max(255)
      .regex(/^[a-zA-Z0-9_\-.]*$/)
      .transform((name) => name.toLowerCase()),
  ),
}

const optional = (attributes: Readonly<Record<string, Patchable>>) =>
  Object.fromEntries(Object.entries(attributes).map(([name, { schema }]) => [name, schema.optional()]))

export const NodeBody = z.strictObject({
  ...optional(NODE_ATTRIBUTES),
  ...optional(NODE_CREATE_ONLY),
  driver: z.string({ error: 'the driver of the node is needed' }).min(1).max(255),
})

/** The microversion of each attribute that creation takes. */
export const NODE_SINCE: Readonly<Record<string, Patchable>> = { ...NODE_ATTRIBUTES, ...NODE_CREATE_ONLY }

export const Mac = z
  .string()
  .refine((address) => parseMac(address) !== undefined, 'expected a MAC address')
  .transform((address) => parseMac(address)!)
  .meta({ pattern: '^\\s*[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}\\s*$' })

export const PORT_PATCHABLE: Readonly<Record<string, Patchable>> = {
  address: { ...attribute(1, Mac), needed: true },
  description: attribute(97, text(255)),
  extra: attribute(1, Dict, true),
  is_smartnic: attribute(53, switched),
  local_link_connection: attribute(19, Dict, true),
  name: attribute(88, Name),
  physical_network: attribute(34, text(64)),
  pxe_enabled: attribute(19, switched),
}

const PORT_CREATE_ONLY: Readonly<Record<string, Patchable>> = {
  uuid: attribute(1, Uuid),
  node_uuid: attribute(1, Uuid),
  node_ident: attribute(94, z.string().regex(NODE_NAME, 'expected a UUID or a name')),
}

export const PortBody = z
  .strictObject({
    ...optional(PORT_PATCHABLE),
    ...optional(PORT_CREATE_ONLY),
    address: Mac,
  })
  .meta({ oneOf: [{ required: ['node_uuid'] }, { required: ['node_ident'] }] })

export const PORT_SINCE: Readonly<Record<string, Patchable>> = { ...PORT_PATCHABLE, ...PORT_CREATE_ONLY }
