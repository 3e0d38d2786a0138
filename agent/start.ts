// One agent on one machine: look up who it is, serve the API, say so by heartbeat, do what it is told. main.ts runs it on the machine it is
// on; the simulated site runs many in one process, so nothing here reads the host: command line, machine and address are given.
import { setTimeout as sleep } from 'node:timers/promises'
import type { LookupAnswer } from '../shared/agent-protocol.ts'
import { MASKED } from '../shared/agent-protocol.ts'
import { makeCertificate } from './certificate.ts'
import type { Command } from './command.ts'
import { createCommandRunner } from './command-runner.ts'
import { commands } from './command-list.ts'
import type { ConductorClient } from './conductor-client.ts'
import { ConductorError, createConductorClient } from './conductor-client.ts'
import { listNics } from './hardware/nics.ts'
import { startHeartbeat } from './heartbeat.ts'
import type { KernelParameters } from './kernel-parameters.ts'
import { parseKernelParameters } from './kernel-parameters.ts'
import type { Machine } from './machine.ts'
import { startServer } from './server.ts'

export const VERSION = 'ferrule-0.1.0'

export interface AgentOptions {
  /** The kernel's command line, which says where the conductors are. */
  readonly commandLine: string
  readonly machine: Machine
  log(message: string): void
  /** Ends whatever is under way: the start, and afterwards the agent. */
  readonly signal?: AbortSignal
  /** The one address to listen at and to call from; all of the host's when absent. */
  readonly address?: string
  /** Commands besides the built-in ones. */
  readonly moreCommands?: readonly Command[]
  /** Told the conductor's clock once the site's certificate authority is pinned, before anything is verified or made with ours. */
  onServerTime?(serverTime: Date | undefined): Promise<void>
}

export interface Agent {
  /** Stops listening and calling and aborts what runs; resolves when nothing of it is left. */
  close(): Promise<void>
}

/** A restart would not help: somebody else was given this boot's token. */
export class Locked extends Error {}

/** Resolves when the agent listens and its first heartbeat is on its way. Throws Locked, or when nobody knows this machine in time. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { machine, log, address, signal = new AbortController().signal } = options
  const parameters = parseKernelParameters(options.commandLine)
  const client = createConductorClient({
    ...parameters,
    localAddress: address,
    log,
    async onTrust({ caPem, serverTime }) {
      machine.caPem = caPem
      log('site certificate authority pinned')
      await options.onServerTime?.(serverTime)
    },
  })
  log(`lookup at ${parameters.apiUrls.join(', ') || 'nowhere: ipa-api-url is missing'}`)
  const { answer, localAddress } = await lookUp(client, parameters, options, signal)
  const { node, config } = answer
  const token = ownToken(answer, parameters)
  log(`node ${node.uuid}, address ${localAddress}`)

  const host = parameters.advertiseHost ?? localAddress
  const secure = parameters.apiUrls[0]?.startsWith('https:') ?? false
  const tls = secure ? await makeCertificate([...new Set([host, localAddress])], new Date()) : undefined
  const runner = createCommandRunner({
    commands: [...commands, ...(options.moreCommands ?? [])],
    machine,
    node,
    config,
    boot: parameters,
    log,
    onEnd: () => heartbeat.beat(),
  })
  signal.throwIfAborted()
  const server = await startServer({
    runner,
    token,
    version: VERSION,
    tls,
    host: address ?? '::',
    port: parameters.listenPort,
    startedAt: Date.now() / 1000,
    log,
  })
  const authority = `${host.includes(':') ? `[${host}]` : host}:${parameters.advertisePort ?? server.port}`
  log(`listening on ${secure ? 'https' : 'http'}://${authority}`)
  const heartbeat = startHeartbeat({
    timeoutMs: config.heartbeat_timeout * 1000,
    random: () => machine.random(),
    log,
    send: () =>
      client.heartbeat(node.uuid, {
        callback_url: `${secure ? 'https' : 'http'}://${authority}`,
        agent_token: token,
        agent_version: VERSION,
        ...(tls && { agent_verify_ca: tls.certPem }),
      }),
  })
  let closing: Promise<void> | undefined
  const close = () => {
    heartbeat.stop()
    closing ??= Promise.all([server.close(), runner.close()]).then(() => undefined)
    return closing
  }
  signal.addEventListener('abort', () => void close(), { once: true })
  if (signal.aborted) await close()
  return { close }
}

async function lookUp(
  client: ConductorClient,
  parameters: KernelParameters,
  { machine, log }: AgentOptions,
  signal: AbortSignal,
) {
  const started = machine.mono()
  for (let attempt = 0; ; attempt++) {
    signal.throwIfAborted()
    const addresses = (await listNics(machine.root)).map((nic) => nic.mac)
    try {
      if (addresses.length === 0) throw new Error('no network interface yet')
      return await client.lookup({ addresses, nodeUuid: parameters.nodeUuid })
    } catch (error) {
      if (machine.mono() - started > parameters.lookupTimeoutMs) throw error
      const busy = error instanceof ConductorError && error.status === 409 ? 5000 : 0
      const waitMs = busy + machine.random() * Math.min(60_000, 1000 * 2 ** attempt) + 200
      log(`lookup failed (${(error as Error).message}); again in ${(waitMs / 1000).toFixed(1)} s`)
      await sleep(waitMs, undefined, { signal })
    }
  }
}

/** The lookup's token, or the one of the boot medium. A token that somebody else was given before us means: do nothing at all. */
function ownToken(answer: LookupAnswer, parameters: KernelParameters): string {
  const shown = answer.config.agent_token
  const token = shown && shown !== MASKED ? shown : parameters.agentToken
  if (token && token.length >= 32) return token
  throw new Locked('the conductor gave this node’s token to another agent (or none); this agent stays locked')
}
