// Turns what the servers saw into stages of a node's timeline, and notices boots that came to a halt.
// Downloads report at their start, at most once a second, and at their end.
import type { HttpTransfer } from '../http-boot/server.ts'
import type { TransferStats } from '../tftp/transfer.ts'

export type Stage =
  | 'dhcp-offer'
  | 'dhcp-ack'
  | 'dhcp-nak'
  | 'dhcp-declined'
  | 'local-boot'
  | 'tftp'
  | 'http-loader'
  | 'ipxe-script'
  | 'kernel'
  | 'ramdisk'
  | 'medium'
  | 'kickstart'
  | 'image'
  | 'stalled'

export interface StageEvent {
  node: string
  stage: Stage
  /** Milliseconds since 1970. */
  at: number
  mac?: string
  /** Of a download by TFTP: its name, without the token of the boot. */
  file?: string
  /** Of a download: how far it is, and how long it has taken. Its rate is bytes / durationMs. */
  bytes?: number
  totalBytes?: number
  durationMs?: number
  /** The download is over, and came to this end. */
  outcome?: 'complete' | 'aborted' | 'timed-out' | 'failed'
  /** Something a person should look at; `detail` says what. */
  warning?: boolean
  detail?: string
}

/** From this event on the machine goes on by itself until its agent runs: iPXE's script tries again, GRUB and PXELINUX have all they need. */
export function goesOnByItself({ stage, file, outcome }: StageEvent): boolean {
  if (outcome !== 'complete') return false
  return stage === 'ipxe-script' || stage === 'ramdisk' || (stage === 'tftp' && file === 'ramdisk')
}

export interface TimelineClock {
  /** Milliseconds since 1970. */
  nowMs(): number
  after(delayMs: number, then: () => void): () => void
}

export const systemClock: TimelineClock = {
  nowMs: () => Date.now(),
  after(delayMs, then) {
    const timer = setTimeout(then, delayMs).unref()
    return () => clearTimeout(timer)
  },
}

/** How far a boot had come when it was last heard of. */
export type Reached = 'offered' | 'acknowledged' | 'proxy-offered'

interface Watch {
  cancel: () => void
  reached: Reached
}

const HALT_MS = 40_000
const PROGRESS_SPACING_MS = 1_000

export class Timeline {
  readonly #onStage: (event: StageEvent) => void
  readonly #clock: TimelineClock
  /** Nodes that were offered something to boot and have not come for it. */
  readonly #watched = new Map<string, Watch>()
  readonly #lastProgressMs = new Map<string, number>()
  /** Of volumes, by path: what was read in answers that have ended. */
  readonly #readBytes = new Map<string, number>()

  constructor(onStage: (event: StageEvent) => void, clock: TimelineClock) {
    this.#onStage = onStage
    this.#clock = clock
  }

  tell(event: Omit<StageEvent, 'at'>): void {
    this.#onStage({ at: this.#clock.nowMs(), ...event })
  }

  /** A DHCP reply went out; `reached` when it named something to load. */
  dhcp(node: string, mac: string, type: 'offer' | 'ack' | 'nak', detail: string, reached?: Reached): void {
    this.tell({ node, mac, stage: `dhcp-${type}`, detail, ...(type === 'nak' && { warning: true }) })
    if (reached === undefined) return
    const watch = this.#watched.get(node)
    if (watch === undefined) this.#watch(node, mac, reached)
    else if (reached === 'acknowledged') watch.reached = reached
  }

  tftp(node: string, stats: TransferStats): void {
    this.#came(node)
    this.tell({
      node,
      stage: 'tftp',
      file: printable(stats.file.replace(/^\/?[^/]*\//, '')),
      bytes: stats.sentBytes,
      totalBytes: stats.sizeBytes,
      durationMs: stats.durationMs,
      outcome: stats.outcome,
      ...((stats.outcome === 'timed-out' || stats.outcome === 'failed') && { warning: true }),
      ...(stats.detail !== undefined && { detail: printable(stats.detail) }),
    })
  }

  http(node: string, stage: Stage, transfer: HttpTransfer): void {
    this.#came(node)
    const { outcome, path, client } = transfer
    const key = `${path} ${client}`
    const nowMs = this.#clock.nowMs()
    if (outcome !== undefined) this.#lastProgressMs.delete(key)
    else {
      const lastMs = this.#lastProgressMs.get(key)
      if (lastMs !== undefined && nowMs - lastMs < PROGRESS_SPACING_MS) return
      this.#lastProgressMs.set(key, nowMs)
    }
    this.tell({
      node,
      stage,
      bytes: transfer.sentBytes,
      totalBytes: transfer.totalBytes,
      durationMs: transfer.durationMs,
      ...(outcome && { outcome }),
      ...(outcome === 'failed' && { warning: true }),
      ...(transfer.detail !== undefined && { detail: transfer.detail }),
    })
  }

  /** Of a volume, pieces are read as its reader likes, several at once: how much in all is told at most once a second, and its end by nobody. */
  medium(node: string, { path, sentBytes, outcome, detail }: HttpTransfer): void {
    const read = this.#readBytes.get(path) ?? 0
    if (outcome !== undefined) this.#readBytes.set(path, read + sentBytes)
    const nowMs = this.#clock.nowMs()
    const isFailed = outcome === 'failed'
    if (!isFailed && nowMs - (this.#lastProgressMs.get(path) ?? -Infinity) < PROGRESS_SPACING_MS) return
    this.#lastProgressMs.set(path, nowMs)
    this.tell({
      node,
      stage: 'medium',
      bytes: read + sentBytes,
      ...(isFailed && { outcome, warning: true, ...(detail !== undefined && { detail }) }),
    })
  }

  /** The volume is served no more. */
  mediumGone(path: string): void {
    this.#readBytes.delete(path)
    this.#lastProgressMs.delete(path)
  }

  /** The machine has asked for a file: whatever was waited for has happened. */
  came(node: string): void {
    this.#came(node)
  }

  forget(node: string): void {
    this.#came(node)
  }

  close(): void {
    for (const { cancel } of this.#watched.values()) cancel()
    this.#watched.clear()
  }

  #came(node: string): void {
    this.#watched.get(node)?.cancel()
    this.#watched.delete(node)
  }

  #watch(node: string, mac: string, reached: Reached): void {
    const cancel = this.#clock.after(HALT_MS, () => {
      const watch = this.#watched.get(node)
      this.#watched.delete(node)
      this.tell({ node, mac, stage: 'stalled', warning: true, detail: DIAGNOSES[watch?.reached ?? reached] })
    })
    this.#watched.set(node, { cancel, reached })
  }
}

const CHECK_BOOT_MODE =
  'Is its boot mode (BIOS or UEFI) the one it should boot in, and may it reach this conductor on the TFTP and HTTP ports?'

const DIAGNOSES: Record<Reached, string> = {
  acknowledged: `The machine took its address but asked for no file over TFTP or HTTP in 40 s. ${CHECK_BOOT_MODE}`,
  offered:
    'The machine was offered an address and did not take it in 40 s. Does the relay pass replies back, and does another ' +
    'DHCP server answer on this network?',
  'proxy-offered':
    'The machine was told what to boot but asked for no file over TFTP or HTTP in 40 s. Does the other DHCP server give ' +
    `it an address? ${CHECK_BOOT_MODE}`,
}

/** A stage for people: "ramdisk (4096 of 65536 bytes)". */
export function inWords({ stage, bytes, totalBytes, outcome, detail }: Omit<StageEvent, 'node' | 'at'>): string {
  const far = bytes === undefined ? [] : [`${bytes}${totalBytes === undefined ? '' : ` of ${totalBytes}`} bytes`]
  const facts = [...far, ...(outcome === undefined ? [] : [outcome])].join(', ')
  return `${stage}${facts === '' ? '' : ` (${facts})`}${detail === undefined ? '' : `: ${detail}`}`
}

/** Text from a client, for people: control characters made visible as dots. */
function printable(text: string): string {
  return text.replace(/[^ -~]/g, '.').slice(0, 200)
}
