// What goes wrong between this conductor and an OpenStack service, as a fault that says what to do next.
import { FaultError, type FaultCode } from '../../shared/faults.ts'

const MAX_TEXT = 400

/** `status`: of the service's answer; absent where there was none. */
export class OpenStackError extends FaultError {
  override name = 'OpenStackError'
  readonly status: number | undefined
  constructor(
    code: Extract<FaultCode, `openstack.${string}`>,
    message: string,
    options: { hint?: string; cause?: unknown; status?: number } = {},
  ) {
    super(code, message, options)
    this.status = options.status
  }
}

export const isStatus = (error: unknown, status: number): boolean =>
  error instanceof OpenStackError && error.status === status

/**
 * The sentence in an error's body: OpenStack's services wrap it in one object of a name of their own
 * ({"NeutronError": {"message"}}, {"error": {"message"}}, {"badRequest": {"message"}}), a proxy answers anything.
 */
export function sentenceIn(body: string): string {
  let text: unknown = body
  try {
    const json: unknown = JSON.parse(body)
    const inner = isObject(json) ? (json['message'] ?? Object.values(json)[0]) : json
    text = isObject(inner) ? inner['message'] : inner
  } catch {
    text = body.replace(/<[^>]*>/g, ' ')
  }
  const plain = typeof text === 'string' ? text : JSON.stringify(text ?? '')
  return plain
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .slice(0, MAX_TEXT)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
