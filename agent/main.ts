// The deploy agent's process, started by the ramdisk's init on the machine that it is to work on.
import { readFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { loadExecutables } from './executables.ts'
import { realMachine } from './machine.ts'
import { Locked, startAgent } from './start.ts'
import { runTool } from './tool.ts'

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

async function main(): Promise<void> {
  await waitForAddress()
  await startAgent({
    commandLine: await readFile('/proc/cmdline', 'utf8'),
    machine: realMachine(() => lines.join('\n')),
    log,
    moreCommands: await loadExecutables(COMMAND_FOLDER, log),
    onServerTime: setClock,
  })
}

/** Runs until the machine goes away; ends the process when it cannot go on. */
export function start(): void {
  main().catch((error: unknown) => {
    log(`stopped: ${error instanceof Error ? error.message : String(error)}`)
    process.exit(error instanceof Locked ? EXIT_LOCKED : 1)
  })
}

if (import.meta.main) start()
