// What the arguments of steps must be, beyond their names: who asks for a step is refused before anything is begun, and who carries it out looks again.
import * as z from 'zod'
import { compilePattern } from './pattern.ts'

const MAX_FILES = 100
const MAX_CONTENT_CHARACTERS = 1024 * 1024

/** Numbers, as JSON has no octal ones: 420 is 0644. */
const mode = z.int().min(0).max(0o7777)
/** -1: as it is. */
const id = z
  .int()
  .min(-1)
  .max(2 ** 31)
const path = z
  .string()
  .max(4096)
  .refine((text) => text.startsWith('/') && !text.includes('\0'), 'must be an absolute path')
  .refine((text) => !text.split('/').includes('..'), 'must not lead upwards')
  .refine((text) => !text.endsWith('/'), 'must be a file, not a folder')
const HTTP_URL = /^https?:\/\/[!-~]{1,2040}$/i
const BASE64 = /^[A-Za-z0-9+/\s]*={0,2}\s*$/
const httpUrl = z.string().regex(HTTP_URL, 'must be an http or https URL')

/** Ironic's: a URL may stand in `content`, too. */
const fileSchema = z
  .strictObject({
    path,
    content: z
      .string()
      .max(MAX_CONTENT_CHARACTERS)
      .refine((text) => HTTP_URL.test(text) || BASE64.test(text), 'must be base64, or an http or https URL')
      .optional(),
    url: httpUrl.optional(),
    /** Number of a partition of the root disk, or the device node of a partition or disk. */
    partition: z
      .union([
        z.int().min(1).max(128),
        z.string().regex(/^(?:[1-9]\d{0,2}|\/dev\/[\w/-]+)$/, 'must be a number or /dev/…'),
      ])
      .optional(),
    deleted: z.boolean().optional(),
    mode: mode.optional(),
    dirmode: mode.optional(),
    owner: id.optional(),
    group: id.optional(),
  })
  .refine(({ path: where, partition }) => partition !== undefined || where.lastIndexOf('/') > 0, {
    error: 'a file in the root folder needs its partition',
    path: ['partition'],
  })
  .refine(
    ({ deleted, content, url }) =>
      [deleted === true, content !== undefined, url !== undefined].filter(Boolean).length === 1,
    { error: 'needs content or url, or deleted, and no more than one of them', path: ['content'] },
  )
export type InjectedFile = z.output<typeof fileSchema>

export const injectedFilesSchema = z.array(fileSchema).max(MAX_FILES)
export const injectFilesArgs = z.object({
  files: injectedFilesSchema
    .nullish()
    .describe(
      'Files to write or delete: a list of {path, content or url, partition, mode, owner, group, dirmode, deleted}. Those of properties/inject_files come before them',
    ),
  verify_ca: z.boolean().nullish().describe('false: https servers are not verified. Default: true'),
})

const pattern = z.string().superRefine((text, issues) => {
  try {
    compilePattern(text)
  } catch (error) {
    issues.addIssue({ code: 'custom', message: (error as Error).message })
  }
})
export const cleanUefiNvramArgs = z.object({
  match_patterns: z
    .array(pattern)
    .min(1)
    .max(100)
    .nullish()
    .describe(
      'Boot entries whose device path has one of these regular expressions are removed. Default: those of disks',
    ),
})

const firmwareImage = z.strictObject({
  url: httpUrl,
  /** Ironic's; of SHA-1, SHA-256 or SHA-512. */
  checksum: z
    .string()
    .regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{128})$/i, 'must be a digest in hexadecimal')
    .optional(),
  source: z.literal('http', 'must be http: the BMC fetches images itself').optional(),
  wait: z.number().min(0).max(3600).optional(),
})
const updateFirmwareArgs = z.object({ firmware_images: z.array(firmwareImage).min(1).max(50) })

const setBmcClockArgs = z.object({
  target_datetime: z.iso.datetime({ offset: true, error: 'must be a time of ISO 8601 with an offset' }).optional(),
  datetime_local_offset: z
    .string()
    .regex(/^[+-](?:0\d|1[0-4]):[0-5]\d$/, 'must be like +01:00')
    .optional(),
})

/** By interface and name. A step that is not here is known by its names only. */
const ARGUMENTS: Readonly<Record<string, z.ZodType>> = {
  'deploy.inject_files': injectFilesArgs,
  'deploy.clean_uefi_nvram': cleanUefiNvramArgs,
  'management.update_firmware': updateFirmwareArgs,
  'management.set_bmc_clock': setBmcClockArgs,
}

/** Why a step cannot have these arguments; undefined when it can, or nothing is known about them. */
export function wrongArguments(step: string, args: unknown): string | undefined {
  const parsed = ARGUMENTS[step]?.safeParse(args)
  if (parsed === undefined || parsed.success) return undefined
  const all = parsed.error.issues.map(({ path: where, message }) => `${where.join('.')}: ${message}`)
  return all.slice(0, 5).join('; ')
}
