// The running daemon's ear for its host: a unix socket in the data folder (0600 in a folder 0700, so its user and root only). One line of
// JSON asks, one answers. Nothing but `status` and the local actions can be asked.
import { chmod, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { z } from 'zod'
import { Fault, FaultError, toFault } from '../../shared/faults.ts'

const FILE = 'control.sock'
const MAX_BYTES = 64 * 1024
/** Of a socket's path on Linux: sun_path holds 108 bytes with the zero at the end (unix(7)). */
const MAX_PATH_BYTES = 107

/** So long a daemon that works may take: two steps of ten minutes for a reboot; the end of what runs, and of its BMC session. */
const LIMIT_MS: Readonly<Record<ControlRequest['ask'], number>> = {
  status: 5_000,
  confirmation: 5_000,
  console: 5_000,
  abort: 3 * 60_000,
  power: 25 * 60_000,
}

const who = {
  node: z.string().max(255),
  confirm: z.string().max(255),
  by: z.string().max(255),
  reason: z.string().max(1000).optional(),
}
export const ControlRequest = z.discriminatedUnion('ask', [
  z.object({ ask: z.literal('status') }),
  z.object({ ask: z.literal('confirmation'), node: z.string().max(255) }),
  z.object({ ask: z.literal('power'), ...who, target: z.string().max(40) }),
  z.object({ ask: z.literal('abort'), ...who }),
  z.object({ ask: z.literal('console'), node: z.string().max(255) }),
])
export type ControlRequest = z.infer<typeof ControlRequest>

const Answer = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), value: z.unknown() }),
  z.object({ ok: z.literal(false), fault: Fault }),
])

export interface Control {
  close(): Promise<void>
}

/** The caller holds the folder's lock, so a socket that is there is a dead process's. */
export async function openControl(
  dataDir: string,
  answer: (request: ControlRequest) => Promise<unknown>,
): Promise<Control> {
  const path = pathIn(dataDir)
  await rm(path, { force: true })
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    void serve(socket, answer)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  await chmod(path, 0o600)
  return {
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

async function serve(socket: Socket, answer: (request: ControlRequest) => Promise<unknown>): Promise<void> {
  let reply: z.infer<typeof Answer>
  try {
    const parsed = ControlRequest.safeParse(JSON.parse(await line(socket)))
    if (!parsed.success)
      throw new FaultError('request.invalid', 'the daemon does not know this request: is it another version?')
    reply = { ok: true, value: (await answer(parsed.data)) ?? null }
  } catch (error) {
    reply = { ok: false, fault: toFault(error) }
  }
  socket.end(`${JSON.stringify(reply)}\n`)
}

/** Asks the daemon of `dataDir`. Undefined when none runs; throws its fault, or `timeout` when it hangs. */
export async function askDaemon(
  dataDir: string,
  request: ControlRequest,
  limitMs = LIMIT_MS[request.ask],
): Promise<{ value: unknown } | undefined> {
  const socket = connect(pathIn(dataDir))
  const late = setTimeout(() => socket.destroy(silence(request, limitMs)), limitMs)
  try {
    const isThere = await new Promise<boolean>((resolve, reject) => {
      socket.once('connect', () => resolve(true))
      socket.once('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(false)
        else reject(error)
      })
    })
    if (!isThere) return undefined
    socket.write(`${JSON.stringify(request)}\n`)
    const answer = Answer.parse(JSON.parse(await line(socket)))
    if (!answer.ok) throw FaultError.of(answer.fault)
    return { value: answer.value }
  } finally {
    clearTimeout(late)
    socket.destroy()
  }
}

function silence({ ask }: ControlRequest, limitMs: number): FaultError {
  const acts = ask === 'power' || ask === 'abort'
  const unknown = acts ? '; whether the action was carried out is not known' : ''
  const first = acts ? 'look at the machine; then see' : 'see'
  return new FaultError('timeout', `the daemon did not answer within ${limitMs / 1000} s${unknown}`, {
    hint: `${first} its log, and stop it when it hangs: without it the command acts in its place`,
  })
}

function pathIn(dataDir: string): string {
  const path = join(dataDir, FILE)
  if (Buffer.byteLength(path) > MAX_PATH_BYTES)
    throw new Error(`${path} is too long for a unix socket: use a shorter data folder`)
  return path
}

/** The first line that comes. */
function line(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (part: string) => {
      text += part
      const end = text.indexOf('\n')
      if (end >= 0) resolve(text.slice(0, end))
      else if (text.length > MAX_BYTES) reject(new Error('the line is too long'))
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('the daemon ended before it answered')))
  })
}
