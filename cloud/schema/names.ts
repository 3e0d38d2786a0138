// What nodes and their traits may be called, whoever says it: a client, or an inspection rule.
import { z } from 'zod'

const RESERVED_NAMES = ['maintenance', 'management', 'states', 'vendor_passthru', 'detail', 'validate']
/** URLs drop them (RFC 3986 §5.2.4): what is called like that would be reached by no request. */
const DOT_SEGMENTS = ['.', '..']
const UUID_LIKE = /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i

/** RFC 3986's unreserved characters, no word of a path below /nodes, no dot segment, nothing that could be taken for a UUID. */
export const Name = z
  .string()
  .regex(/^[A-Za-z0-9._~-]{1,255}$/, 'a name has 1 to 255 of the characters A-Z a-z 0-9 . _ ~ -')
  .refine((name) => ![...RESERVED_NAMES, ...DOT_SEGMENTS].includes(name), 'this name is reserved')
  .refine((name) => !UUID_LIKE.test(name), 'a name must not look like a UUID')
  .meta({
    pattern: `^(?!(${RESERVED_NAMES.join('|')}|\\.{1,2})$)(?![0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$)[A-Za-z0-9._~-]{1,255}$`,
  })

/** A trait of the organisation's own (CUSTOM_…), or one in a namespace of OpenStack's os-traits. */
export const Trait = z
  .string()
  .max(255)
  .regex(
    /^(CUSTOM|COMPUTE|HW|MISC|OWNER|STORAGE)_[A-Z0-9_]+$/,
    'a trait is CUSTOM_… or a standard one, of the characters A-Z 0-9 _',
  )
