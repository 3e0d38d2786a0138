// Carries out an order on a rack in its own process and gives what it told.
import { execFile, spawnSync } from 'node:child_process'
import { rackCommand } from './rack.ts'
import type { RackOrder } from './rack.ts'
import type { StageEvent } from '../timeline.ts'

export interface RackReport {
  stages: StageEvent[]
  /** What was fetched from the operator's server, each once. */
  loaded: string[]
  /** What the client printed. */
  serial: string
  end: string
  all: string
}

export async function runRack(order: RackOrder): Promise<RackReport> {
  for (const [program, debianPackage] of NEEDED) {
    if (spawnSync('which', [program]).status !== 0) {
      throw new Error(`${program} is missing: apt-get install ${debianPackage}`)
    }
  }
  const { file, args } = rackCommand(process.execPath, order)
  const output = await new Promise<string>((resolve, reject) => {
    const limits = { timeout: order.timeoutMs + 20_000, killSignal: 'SIGKILL', maxBuffer: 1 << 26 } as const
    execFile(file, args, limits, (error, stdout, stderr) => (error ? reject(new Error(stderr || error.message)) : resolve(stdout)))
  })
  const report: RackReport = { stages: [], loaded: [], serial: '', end: '', all: output }
  for (const line of output.split('\n').filter((text) => text !== '')) {
    const told = JSON.parse(line) as { stage?: StageEvent; loaded?: string; serial?: string; end?: string }
    if (told.stage) report.stages.push(told.stage)
    if (told.loaded && !report.loaded.includes(told.loaded)) report.loaded.push(told.loaded)
    report.serial += told.serial ?? ''
    report.end = told.end ?? report.end
  }
  return report
}

/** The stages in order, each kind once. */
export function stagesOf({ stages }: RackReport): string[] {
  return [...new Set(stages.map(({ stage }) => stage))]
}

const NEEDED = [
  ['unshare', 'util-linux'],
  ['ip', 'iproute2'],
  ['busybox', 'busybox-static'],
  ['dnsmasq', 'dnsmasq-base'],
  ['qemu-system-x86_64', 'qemu-system-x86 ipxe-qemu ipxe ovmf'],
] as const
