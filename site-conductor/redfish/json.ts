// What a BMC said, before anything else looks at it: JSON of a bounded depth, then the shape that is expected. The rest of an answer is dropped.
import { z } from 'zod'
import { RedfishError } from './errors.ts'

const MAX_DEPTH = 32
const MAX_LINE = 200

/** Throws 'protocol'. */
export function parseJson(bytes: Uint8Array): unknown {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw new RedfishError('protocol', 'the BMC answered with something that is not JSON')
  }
  let level: unknown[] = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) throw new RedfishError('protocol', `the BMC's answer is nested more than ${MAX_DEPTH} deep`)
    level = level.flatMap((each) => (typeof each === 'object' && each !== null ? Object.values(each) : []))
  }
  return value
}

/** Throws 'protocol', with the fields that are wrong and without their values. */
export function shaped<Schema extends z.ZodType>(schema: Schema, value: unknown, path: string): z.output<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const fields = parsed.error.issues.map((issue) => issue.path.join('.') || 'the whole').slice(0, 5)
  throw new RedfishError('protocol', line(`${path} is not as it should be: ${fields.join(', ')}`))
}

const Message = z.object({ MessageId: z.string().nullish(), Message: z.string().nullish() })
const ErrorBody = z.object({
  error: z.object({
    code: z.string().nullish(),
    message: z.string().nullish(),
    '@Message.ExtendedInfo': z.array(Message).nullish().catch(null),
  }),
})

/** DSP0266 §8.7: what a refusal says, in one line, and its message ids without registry and version. */
export function refusalOf(bytes: Uint8Array): { text: string; messageIds: string[] } {
  let body: z.output<typeof ErrorBody> | undefined
  try {
    body = ErrorBody.safeParse(parseJson(bytes)).data
  } catch {
    return { text: '', messageIds: [] }
  }
  return sayings(body?.error['@Message.ExtendedInfo'] ?? [], body?.error.message)
}

export function sayings(
  messages: readonly z.output<typeof Message>[],
  otherwise?: string | null,
): { text: string; messageIds: string[] } {
  const messageIds = messages.flatMap(({ MessageId: id }) => (id ? [line(id.split('.').at(-1)!)] : [])).slice(0, 10)
  const texts = messages.flatMap(({ Message: text }) => (text ? [text] : []))
  return { text: line([...new Set(texts)].join(' ') || otherwise || messageIds.join(', ')), messageIds }
}

/** One line of printable characters: it goes into logs and errors. */
export function line(text: string): string {
  const printable = text.replaceAll(/[^\x20-\x7e\u00a0-\u024f]+/g, ' ').trim()
  return printable.length > MAX_LINE ? `${printable.slice(0, MAX_LINE)}…` : printable
}

export { Message }
