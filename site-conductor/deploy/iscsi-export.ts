// A disk that the agent exports by iSCSI for one attempt to write it: with a name and a secret of its own, and gone afterwards whatever happened.
import { connect } from 'node:net'
import { z } from 'zod'
import { FaultError } from '../../shared/faults.ts'
import { toBase64Url } from '../../shared/sealing.ts'
import { abortCommand, startCommand, waitForCommand } from '../agents/agent-client.ts'
import type { AgentConnection } from '../agents/agent-connection.ts'
import type { StepContext } from '../driver.ts'
import { nodeParams } from './perform.ts'

const PORTAL_PORT = 3260
export const USERNAME = 'ferrule'
/** 128 bits; RFC 7143 §9.2.1 asks for 96. */
const SECRET_BYTES = 16
const CLEANUP_MS = 20_000

/** What start_iscsi_target answers; it becomes part of qemu-img's options. `ended` changes when the export has ended. */
const ExportResult = z.looseObject({
  portal_port: z.number().int().min(1).max(65_535).default(PORTAL_PORT),
  disk_bytes: z.number().min(0).default(Infinity),
  ended: z.string().nullish(),
})

export interface Exported {
  readonly iqn: string
  readonly secret: string
  /** host:port, IPv6 in brackets. */
  readonly portal: string
  readonly diskBytes: number
  /** The agent's entry of the command that exported. */
  readonly command: string
}

export async function exportDisk(
  agent: AgentConnection,
  iqn: string,
  attempt: string,
  context: StepContext<unknown>,
  bytes: number,
): Promise<Exported> {
  const secret = toBase64Url(context.env.random(SECRET_BYTES))
  const { hostname } = new URL(agent.url)
  const host = hostname.replace(/^\[|\]$/g, '')
  const params = {
    iqn,
    portal_port: PORTAL_PORT,
    bytes,
    wipe_disk_metadata: true,
    chap: { username: USERNAME, secret },
    initiator: await addressTowards(agent.url, context.signal),
    ...nodeParams(context),
  }
  const command = await startCommand(agent, 'iscsi.start_iscsi_target', params, `${context.task.id} ${attempt} export`)
  const result = await waitForCommand(agent, command)
  const { portal_port: port, disk_bytes: diskBytes } = exportOf(result)
  const portal = `${host.includes(':') ? `[${host}]` : host}:${port}`
  return { iqn, secret, portal, diskBytes, command: command.id }
}

export function exportOf(result: unknown): z.output<typeof ExportResult> {
  const parsed = ExportResult.safeParse(result ?? {})
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new FaultError('agent.command', `the agent's export: ${issue?.path.join('.')} ${issue?.message}`)
}

/**
 * Ends the export that this attempt made and blanks the start of its disk. The task may have ended under us, so this goes without its signal and
 * its last-moment check: the name is ours alone, and an agent that has heard of a newer epoch refuses. What is still under way under `key`, ours
 * alone as well, ends first: an agent that is busy would refuse.
 */
export async function discard(
  agent: AgentConnection,
  iqn: string,
  key: string,
  params: Record<string, unknown>,
): Promise<void> {
  const unbound = { ...agent, signal: AbortSignal.timeout(CLEANUP_MS), before: () => {} }
  await abortCommand(unbound, key)
  await waitForCommand(
    unbound,
    await startCommand(unbound, 'iscsi.stop_iscsi_target', { iqn, discard: true, ...params }),
  )
}

/** The address that the machine sees when this host connects to it, as long as nothing between them translates addresses. */
function addressTowards(url: string, signal: AbortSignal): Promise<string> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 443), signal })
    socket.once('connect', () => {
      const address = (socket.localAddress ?? '').replace(/^::ffff:/, '').replace(/%.*$/, '')
      socket.destroy()
      resolve(address)
    })
    socket.once('error', (error) => {
      reject(
        signal.aborted
          ? signal.reason
          : new FaultError('agent.lost', `the agent at ${url} does not answer: ${error.message}`),
      )
    })
  })
}
