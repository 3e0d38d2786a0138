// Shapes that several resources share.
import { z } from 'zod'
import { parseMac } from '../../shared/ids.ts'

export { Name, Trait } from '../schema/names.ts'

export const Uuid = z.guid().transform((text) => text.toLowerCase())
export const Dict = z.record(z.string(), z.unknown())
/** An object of an attribute: null is an empty one, as Ironic takes it. */
export const DictOrNull = Dict.nullable().transform((value) => value ?? {})
/** What Ironic takes for a boolean in a text, in any case. */
export const TRUTHS = { truthy: ['true', 'yes', 'on', 't', 'y', '1'], falsy: ['false', 'no', 'off', 'f', 'n', '0'] }
const anyCase = (word: string) => word.replaceAll(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`)
export const TRUTH_PATTERN = `^(${[...TRUTHS.truthy, ...TRUTHS.falsy].map(anyCase).join('|')})$`

/** A flag of an attribute, or its text: the openstack client sends True. */
export const Flag = z
  .union([z.boolean(), z.stringbool(TRUTHS)], { error: 'expected a boolean' })
  .meta({ anyOf: undefined, type: ['boolean', 'string'], pattern: TRUTH_PATTERN })
/** Null is false, as Ironic takes it. */
export const FlagOrNull = Flag.nullable().transform((value) => value ?? false)

/** A text of at most `max` characters: code points, as JSON Schema counts them (Validation §6.3.1), not units of UTF-16. */
export const chars = (max: number, min?: 1, error = 'a text is needed') =>
  (min === undefined ? z.string({ error }) : z.string({ error }).min(min))
    // A text of so many units has no more characters; only a longer one needs to be counted.
    .refine((text) => text.length <= max || Array.from(text).length <= max, `at most ${max} characters are possible`)
    .meta({ maxLength: max })
/** Or nothing. */
export const text = (max: number) => chars(max).nullable()

/** What a node may be called: its UUID or its name. */
export const NodeIdent = z.string().regex(/^[A-Za-z0-9._~-]{1,255}$/, 'expected a UUID or a name')

export const Mac = z
  .string()
  .refine((address) => parseMac(address) !== undefined, 'expected a MAC address')
  .transform((address) => parseMac(address)!)
  .meta({ pattern: '^\\s*[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}\\s*$' })

/** The priority of a step: a whole number from 0, or its digits (at most five), as Ironic takes them. */
export const priority = (max: number) =>
  z.union(
    [
      z.int().min(0).max(max),
      z
        .string()
        .regex(/^[0-9]{1,5}$/)
        .transform(Number),
    ],
    {
      error: 'expected a whole number that is not negative',
    },
  )

/** Steps of templates and runbooks; `order` is the field that says when a step comes, and its schema. */
export const stepsOf = <T extends z.ZodRawShape>(order: T) =>
  z
    .array(
      z.strictObject({
        interface: z.enum(STEP_INTERFACES),
        step: chars(255, 1),
        args: Dict.default({}),
        ...order,
      }),
    )
    .min(1)
    .max(256)

/** Ironic's interfaces that have steps. */
const STEP_INTERFACES = ['bios', 'deploy', 'firmware', 'management', 'power', 'raid', 'vendor'] as const
