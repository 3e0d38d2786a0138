// Shapes that several resources share.
import { z } from 'zod'
import { parseMac } from '../../shared/ids.ts'

export const Uuid = z.guid().transform((text) => text.toLowerCase())
export const Dict = z.record(z.string(), z.unknown())
/** A text of bounded length, or nothing. */
export const text = (max: number) => z.string().max(max).nullable()

const RESERVED_NAMES = ['maintenance', 'management', 'states', 'vendor_passthru', 'detail', 'validate']
const UUID_LIKE = /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i

/** RFC 3986's unreserved characters, no word of a path below /nodes, nothing that could be taken for a UUID. */
export const Name = z
  .string()
  .regex(/^[A-Za-z0-9._~-]{1,255}$/, 'a name has 1 to 255 of the characters A-Z a-z 0-9 . _ ~ -')
  .refine((name) => !RESERVED_NAMES.includes(name), 'this name is reserved')
  .refine((name) => !UUID_LIKE.test(name), 'a name must not look like a UUID')
  .meta({
    pattern: `^(?!(${RESERVED_NAMES.join('|')})$)(?![0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$)[A-Za-z0-9._~-]{1,255}$`,
  })

export const Mac = z
  .string()
  .refine((address) => parseMac(address) !== undefined, 'expected a MAC address')
  .transform((address) => parseMac(address)!)
  .meta({ pattern: '^\\s*[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}\\s*$' })

/** A trait of the organisation's own (CUSTOM_…), or one in a namespace of OpenStack's os-traits. */
export const Trait = z
  .string()
  .max(255)
  .regex(
    /^(CUSTOM|COMPUTE|HW|MISC|OWNER|STORAGE)_[A-Z0-9_]+$/,
    'a trait is CUSTOM_… or a standard one, of the characters A-Z 0-9 _',
  )

/** Steps of templates and runbooks; `order` is the field that says when a step comes, and its schema. */
export const stepsOf = <T extends z.ZodRawShape>(order: T) =>
  z
    .array(
      z.strictObject({
        interface: z.enum(STEP_INTERFACES),
        step: z.string().min(1).max(255),
        args: Dict.default({}),
        ...order,
      }),
    )
    .min(1)
    .max(256)

/** Ironic's interfaces that have steps. */
const STEP_INTERFACES = ['bios', 'deploy', 'firmware', 'management', 'power', 'raid', 'vendor'] as const
