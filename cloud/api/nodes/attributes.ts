// What may be given for a node: one table of attribute, microversion and schema, from which creation and PATCH both come.
import { z } from 'zod'
import { NETWORK_DATA } from '../../../shared/network-data.ts'
import type { Attribute, Attributes } from '../resource.ts'
import { chars, Dict, DictOrNull, Flag, FlagOrNull, Name, NodeIdent, text, Uuid } from '../shapes.ts'
import { INTERFACES } from './fields.ts'

const attribute = (since: number, schema: z.ZodType): Attribute => ({ since, schema })
const dict = (since: number): Attribute => ({ since, schema: DictOrNull, keys: true })
const created = (since: number, schema: z.ZodType): Attribute => ({ since, schema, only: 'create' })
const patched = (since: number, schema: z.ZodType): Attribute => ({ since, schema, only: 'patch' })
/** The hub looks at the whole of it, since a patch may change a part. A patch that writes an empty one is no description, as Ironic has it. */
const networkData: Attribute = {
  since: 66,
  schema: DictOrNull.meta({ description: NETWORK_DATA }),
  patched: Dict.refine((value) => Object.keys(value).length > 0, {
    path: ['links'],
    error: 'are needed; null says nothing about networks',
  })
    .meta({ minProperties: 1 })
    .nullable()
    .transform((value) => value ?? {})
    .meta({ description: NETWORK_DATA }),
  keys: true,
}

const interfaces = Object.entries(INTERFACES).map(([name, since]) => [`${name}_interface`, attribute(since, text(255))])

export const NODE_ATTRIBUTES: Attributes = {
  automated_clean: attribute(47, Flag.nullable()),
  chassis_uuid: attribute(1, Uuid.nullable()),
  // Names the site.
  conductor_group: attribute(
    46,
    z
      .string()
      .max(255)
      .regex(/^[a-zA-Z0-9_\-.]*$/)
      .nullable()
      .transform((name) => (name ?? '').toLowerCase()),
  ),
  description: attribute(51, text(4096)),
  disable_power_off: attribute(95, FlagOrNull),
  driver: {
    since: 1,
    schema: chars(255, 1, 'the driver of the node is needed'),
    required: true,
  },
  driver_info: dict(1),
  extra: dict(1),
  instance_info: dict(1),
  instance_name: attribute(104, chars(255, 1).nullable()),
  instance_uuid: attribute(1, Uuid.nullable()),
  lessee: attribute(65, text(255)),
  maintenance: attribute(1, Flag),
  name: attribute(5, Name.nullable()),
  network_data: networkData,
  owner: attribute(50, text(255)),
  parent_node: attribute(83, NodeIdent.nullable()),
  properties: dict(1),
  resource_class: attribute(21, text(80)),
  retired: attribute(61, FlagOrNull),
  retired_reason: attribute(61, text(4096)),
  shard: attribute(82, text(255)),
  ...Object.fromEntries(interfaces),
  protected: patched(48, FlagOrNull),
  protected_reason: patched(48, text(4096)),
  uuid: created(1, Uuid),
  boot_mode: created(75, z.enum(['uefi', 'bios']).nullable()),
  secure_boot: created(75, Flag.nullable()),
  console_enabled: created(1, Flag),
}
