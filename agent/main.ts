// The deploy agent: look up who this machine is, serve the API, say so by heartbeat, do what it is told. Started by the ramdisk's init.
import { readFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LookupAnswer } from '../shared/agent-protocol.ts'
import { MASKED } from '../shared/agent-protocol.ts'
import { makeCertificate } from './certificate.ts'
import { createCommandRunner } from './command-runner.ts'
import { commands } from './command-list.ts'
import type { ConductorClient } from './conductor-client.ts'
import { ConductorError, createConductorClient } from './conductor-client.ts'
import { loadExecutables } from './executables.ts'
import { listNics } from './hardware/nics.ts'
import { startHeartbeat } from './heartbeat.ts'
import type { KernelParameters } from './kernel-parameters.ts'
import { parseKernelParameters } from './kernel-parameters.ts'
import { realMachine } from './machine.ts'
import { startServer } from './server.ts'
import { runTool } from './tool.ts'

export const VERSION = 'ferrule-0.1.0'
const COMMAND_FOLDER = '/opt/ferrule/commands'
const MAX_ADDRESS_WAIT_MS = 60_000
/** Tells init that a restart would not help. */
const EXIT_LOCKED = 3
const MAX_CLOCK_ERROR_MS = 60_000
const lines: string[] = []

/** One short line on the console: who speaks, the machine's uptime, what happened. */
function log(message: string): void {
  const line = `ferrule-agent: [${(Number(process.hrtime.bigint() / 10_000_000n) / 100).toFixed(2)} s] ${message}`
  lines.push(line)
  if (lines.length > 2000) lines.shift()
  console.log(line)
}

/** Certificates need a clock. When ours is off, the conductor's is taken, once, before anything is verified or made with it. */
async function setClock(serverTime: Date | undefined): Promise<void> {
  if (!serverTime || Math.abs(Date.now() - serverTime.getTime()) < MAX_CLOCK_ERROR_MS) return
  const { code, stderr } = await runTool('date', ['-u', '-s', `@${Math.floor(serverTime.getTime() / 1000)}`])
  log(code === 0 ? `clock set to ${serverTime.toISOString()}` : `clock is wrong and could not be set: ${stderr.trim()}`)
}

/** The DHCP client runs beside us; without an address there is nobody to ask. */
async function waitForAddress(): Promise<void> {
  for (let waitedMs = 0; waitedMs < MAX_ADDRESS_WAIT_MS; waitedMs += 100) {
    const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
    if (all.some((address) => !address.internal && !address.address.startsWith('fe80:'))) return
    await sleep(100)
  }
  log('no address after a minute; asking anyway')
}

async function lookUp(client: ConductorClient, parameters: KernelParameters) {
  const started = performance.now()
  for (let attempt = 0; ; attempt++) {
    const addresses = (await listNics('/')).map((nic) => nic.mac)
    try {
      if (addresses.length === 0) throw new Error('no network interface yet')
      return await client.lookup({ addresses, nodeUuid: parameters.nodeUuid })
    } catch (error) {
      if (performance.now() - started > parameters.lookupTimeoutMs) throw error
      const busy = error instanceof ConductorError && error.status === 409 ? 5000 : 0
      const waitMs = busy + Math.random() * Math.min(60_000, 1000 * 2 ** attempt) + 200
      log(`lookup failed (${(error as Error).message}); again in ${(waitMs / 1000).toFixed(1)} s`)
      await sleep(waitMs)
    }
  }
}

class Locked extends Error {}

/** The lookup's token, or the one of the boot medium. A token that somebody else was given before us means: do nothing at all. */
function ownToken(answer: LookupAnswer, parameters: KernelParameters): string {
  const shown = answer.config.agent_token
  const token = shown && shown !== MASKED ? shown : parameters.agentToken
  if (token && token.length >= 32) return token
  throw new Locked('the conductor gave this node’s token to another agent (or none); this agent stays locked')
}

async function main(): Promise<void> {
  const parameters = parseKernelParameters(await readFile('/proc/cmdline', 'utf8'))
  const machine = realMachine(() => lines.join('\n'))
  const client = createConductorClient({
    ...parameters,
    log,
    async onTrust({ caPem, serverTime }) {
      machine.caPem = caPem
      log('site certificate authority pinned')
      await setClock(serverTime)
    },
  })
  log(`lookup at ${parameters.apiUrls.join(', ') || 'nowhere: ipa-api-url is missing'}`)
  await waitForAddress()
  const { answer, localAddress } = await lookUp(client, parameters)
  const { node, config } = answer
  const token = ownToken(answer, parameters)
  log(`node ${node.uuid}, address ${localAddress}`)

  const host = parameters.advertiseHost ?? localAddress
  const secure = parameters.apiUrls[0]?.startsWith('https:') ?? false
  const tls = secure ? await makeCertificate([...new Set([host, localAddress])], new Date()) : undefined
  const runner = createCommandRunner({
    commands: [...commands, ...(await loadExecutables(COMMAND_FOLDER, log))],
    machine,
    node,
    config,
    log,
    onEnd: () => heartbeat.beat(),
  })
  const server = await startServer({
    runner,
    token,
    version: VERSION,
    tls,
    host: '::',
    port: parameters.listenPort,
    startedAt: Date.now() / 1000,
    log,
  })
  const authority = `${host.includes(':') ? `[${host}]` : host}:${parameters.advertisePort ?? server.port}`
  log(`listening on ${secure ? 'https' : 'http'}://${authority}`)
  const heartbeat = startHeartbeat({
    timeoutMs: config.heartbeat_timeout * 1000,
    random: Math.random,
    log,
    send: () =>
      client.heartbeat(node.uuid, {
        callback_url: `${secure ? 'https' : 'http'}://${authority}`,
        agent_token: token,
        agent_version: VERSION,
        ...(tls && { agent_verify_ca: tls.certPem }),
      }),
  })
}

main().catch((error: unknown) => {
  log(`stopped: ${error instanceof Error ? error.message : String(error)}`)
  process.exit(error instanceof Locked ? EXIT_LOCKED : 1)
})
