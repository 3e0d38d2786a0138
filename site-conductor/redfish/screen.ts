// The screen of a machine as its BMC has it. That there is one is standard (DSP2046: Manager.GraphicalConsole), and how it is spoken to is not: OpenBMC has RFB
// (RFC 6143) over a WebSocket, `/kvm/0`, for whom a session's token is enough; other vendors have pages of their own, for browsers.
import type { Duplex } from 'node:stream'
import { createWebSocketStream, WebSocket } from 'ws'
import { z } from 'zod'
import { checkedLookup } from './endpoint.ts'
import { RedfishError } from './errors.ts'
import { line } from './json.ts'
import type { Reading } from './requests.ts'
import type { Session } from './session.ts'
import type { ComputerSystem } from './system.ts'
import { distrust, reasonOf } from './wire.ts'

const OPEN_MS = 15_000
/** A frame of a BMC is a piece of a picture. */
const MAX_MESSAGE_BYTES = 16 << 20

const Manager = z.object({
  GraphicalConsole: z
    .object({
      ServiceEnabled: z.boolean().nullish(),
      ConnectTypesSupported: z.array(z.string()).nullish(),
    })
    .nullish(),
})

/** Throws 'missing' where the BMC itself says that there is none, or none of this kind. One that says nothing may have one all the same. */
export async function checkGraphicalConsole(session: Session, system: ComputerSystem, options: Reading): Promise<void> {
  for (const link of system.Links?.ManagedBy ?? []) {
    const { value } = await session.get(session.path(link['@odata.id']), Manager, options)
    const { ServiceEnabled, ConnectTypesSupported: types } = value.GraphicalConsole ?? {}
    if (ServiceEnabled === false)
      throw new RedfishError(
        'missing',
        'its graphical console is switched off (Manager.GraphicalConsole.ServiceEnabled)',
      )
    if (types && types.length > 0 && !types.includes('KVMIP'))
      throw new RedfishError(
        'missing',
        `its graphical console is of a kind that is not known here (${line(types.join(', '))})`,
      )
  }
}

/** The WebSocket at `path`, where RFB is spoken. Throws 'missing' where there is none, and what else keeps a request from its answer. */
export function openScreen(session: Session, path: string, { signal }: Reading): Promise<Duplex> {
  const { wire, credentials: headers } = session
  const url = wire.endpoint.origin.replace(/^http/, 'ws') + path
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, [], {
      ...wire.tls,
      headers,
      lookup: checkedLookup,
      handshakeTimeout: OPEN_MS,
      maxPayload: MAX_MESSAGE_BYTES,
      perMessageDeflate: false,
    })
    const abort = () => fail(new RedfishError('aborted', 'the caller has given up'))
    const fail = (error: RedfishError) => {
      signal?.removeEventListener('abort', abort)
      reject(error)
      socket.terminate()
    }
    socket.on('unexpected-response', (_, { statusCode = 0 }) => fail(refusal(path, statusCode)))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const why = distrust(error)
      fail(new RedfishError(why === undefined ? 'unreachable' : 'tls', why ?? reasonOf(error)))
    })
    if (signal?.aborted) return abort()
    signal?.addEventListener('abort', abort, { once: true })
    // Made before it opens: nothing that comes at once is lost.
    const stream = createWebSocketStream(socket)
    stream.on('error', () => {})
    socket.once('open', () => {
      signal?.removeEventListener('abort', abort)
      resolve(stream)
    })
  })
}

function refusal(path: string, status: number): RedfishError {
  const [where, more] = [`${line(path)} (${status})`, { status }]
  if (status === 401)
    return new RedfishError(
      'refused',
      `it takes no token at ${where}: older OpenBMC lets only browsers in, with a cookie`,
      more,
    )
  if (status === 403) return new RedfishError('privilege', `the user may not see the screen at ${where}`, more)
  if (status >= 500 && status !== 501) return new RedfishError('busy', `it shows no screen now at ${where}`, more)
  const why = `there is no screen (RFB over a WebSocket) at ${where}: what it has for browsers is its vendor's own`
  return new RedfishError('missing', why, more)
}
