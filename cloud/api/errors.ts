// Every failure as one body that every client can read. `error_message` is a text that holds JSON: python-ironicclient crashes on an
// object there, and openstacksdk loses the message under application/problem+json (both seen).
import { FAULTS, type Fault } from '../../shared/faults.ts'
import type { Answer } from './call.ts'

const TITLES: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  409: 'Conflict',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
}

/** Seconds that a client waits before it asks again, for the faults where that helps and the status says so (RFC 9110 §10.2.3). */
const RETRY_AFTER_S = '2'

export function faultAnswer(fault: Fault, requestId: string): Answer {
  const { status, retry } = FAULTS[fault.code]
  const inner = { faultcode: status < 500 ? 'Client' : 'Server', faultstring: fault.message, debuginfo: null }
  const body = JSON.stringify({
    error_message: JSON.stringify(inner),
    type: `urn:ferrule:fault:${fault.code}`,
    title: TITLES[status] ?? 'Error',
    status,
    detail: fault.message,
    code: fault.code,
    hint: fault.hint,
    request_id: requestId,
  })
  const headers: Record<string, string> = {}
  if (status === 401) headers['WWW-Authenticate'] = 'Bearer realm="ferrule", Basic realm="ferrule", charset="UTF-8"'
  if ((status === 503 || status === 429) && retry) headers['Retry-After'] = RETRY_AFTER_S
  return { status, body, headers }
}
