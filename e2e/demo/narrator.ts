// Tells a node's timeline as it grows: states, steps and boot stages, each with its time; transfers with bytes and rate.
import type { Api, TimelineEntry } from '../../sim/api.ts'

const POLL_MS = 300

export class Narrator {
  readonly #api: Api
  readonly #node: string
  readonly #startMs: number
  readonly #print: (line: string) => void
  readonly #told = new Set<string>()
  readonly #stepStarts = new Map<string, number>()
  #timer: ReturnType<typeof setInterval> | undefined
  #polling = Promise.resolve()

  constructor(api: Api, node: string, print: (line: string) => void, startMs = Date.now()) {
    this.#api = api
    this.#node = node
    this.#print = print
    this.#startMs = startMs
  }

  start(): void {
    this.#timer = setInterval(
      () => (this.#polling = this.#polling.then(() => this.#poll()).catch(() => undefined)),
      POLL_MS,
    )
  }

  /** Tells what is left and stops. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#polling
    await this.#poll().catch(() => undefined)
  }

  async #poll(): Promise<void> {
    for (const entry of await this.#api.timeline(this.#node)) {
      if (this.#told.has(entry.id)) continue
      this.#told.add(entry.id)
      const line = entry.kind === 'event' ? this.#event(entry) : describeNote(entry)
      if (line !== null) this.#print(`${seconds(Date.parse(entry.at) - this.#startMs).padStart(9)}  ${line}`)
    }
  }

  #event({ type, at, task, body }: TimelineEntry): string | null {
    const step = `${task} ${String(body['index'])}`
    switch (type) {
      case 'node.provision_state':
        return `${body['from']} → ${body['to']}`
      case 'node.power_state':
        return `  machine is ${String(body['to']).replace('power ', '')}`
      case 'step.started':
        if (!this.#stepStarts.has(step)) this.#stepStarts.set(step, Date.parse(at))
        return null
      case 'step.finished': {
        const took = Date.parse(at) - (this.#stepStarts.get(step) ?? Date.parse(at))
        this.#stepStarts.delete(step)
        return `  ✓ ${String(body['step'])} (${seconds(took)})`
      }
      case 'task.failed':
        return `  ✗ ${(body['fault'] as { message?: string } | null)?.message ?? 'failed'}`
      default:
        return null
    }
  }
}

/** A boot stage or the progress of a transfer. */
function describeNote({ type, body }: TimelineEntry): string | null {
  const number = (name: string) => (typeof body[name] === 'number' ? (body[name] as number) : undefined)
  const [bytes, total, durationMs] = [number('bytes'), number('total') ?? number('totalBytes'), number('durationMs')]
  const rate = number('ratePerS') ?? (bytes !== undefined && durationMs ? (bytes / durationMs) * 1000 : undefined)
  if (bytes === 0) return null // a transfer's beginning; its end says more
  const parts = [type.replace(/^boot\./, '').padEnd(12)]
  if (bytes !== undefined)
    parts.push(total !== undefined && total !== bytes ? `${mega(bytes)} of ${mega(total)}` : mega(bytes))
  if (total !== undefined && bytes !== undefined && total > 0) parts.push(`${Math.floor((100 * bytes) / total)} %`)
  if (rate !== undefined && rate > 0) parts.push(`${mega(rate)}/s`)
  for (const name of ['detail', 'why', 'version', 'step', 'part'])
    if (typeof body[name] === 'string') parts.push(body[name])
  return `    ${parts.join('  ')}`
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

function mega(bytes: number): string {
  return bytes < 100_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
}
