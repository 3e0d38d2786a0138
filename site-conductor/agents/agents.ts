// The agents that are expected to call: one per booting node, each for one boot. A MAC is not an identity:
// 1. Whoever is not expected learns nothing. 2. The token of a boot is shown once. 3. An agent is believed only with that token.
import { timingSafeEqual } from 'node:crypto'
import type { InstallerReport, InstallerReports } from './installer-reports.ts'

/** What a heartbeat told. */
export interface AgentCall {
  readonly url: string
  readonly version: string
  /** PEM of the agent's own certificate. */
  readonly certificate: string
}

export interface Expected {
  readonly node: string
  /** Lower case with colons. */
  readonly macs: readonly string[]
  readonly token: string
  /** Part of the lookup's answer, without secrets. */
  readonly properties: Record<string, unknown>
  readonly instanceInfo: Record<string, unknown>
  /** The token was given out before. */
  readonly shown: boolean
  /** Resolves when it is on record that the token was shown; it is shown only then. */
  readonly onShown: () => Promise<void>
  /** The machine has loaded what goes on by itself until its agent runs. */
  readonly onScript: () => Promise<void>
  /** Resolves when the first heartbeat is on record; it is accepted only then, so that a successor need not wait for the next one. */
  readonly onCall: (call: AgentCall) => Promise<void>
  /** What an earlier run heard of this agent. */
  readonly call?: AgentCall | undefined
  /** It is no agent that is expected, but an installer, which has the token with its orders. */
  readonly installer?: ExpectedInstaller | undefined
}

export interface ExpectedInstaller {
  readonly reports: InstallerReports
  /** It has fetched its orders, whole: it goes on by itself. */
  readonly onOrders: () => Promise<void>
}

/** How far a boot has come. */
export interface Seen {
  /** The last stage and more about it, for people. */
  readonly words: string
  /** Firmware and loaders have done their part: what comes next, comes from the ramdisk, or from a machine that started again. */
  readonly hasRamdisk: boolean
}

/** Stages of firmware and loaders: a ramdisk that runs does not go through them. */
const LOADED = new Set(['tftp', 'http-loader', 'ipxe-script', 'kernel', 'ramdisk'])

/** Stages behind which a kernel and its ramdisk run. */
const HAS_RAMDISK = new Set(['ramdisk', 'agent.lookup', 'kickstart', 'installer.start'])

interface Entry extends Expected {
  shown: boolean
  call?: AgentCall | undefined
  /** The one whose address and certificate count for this boot, and that it is on record. */
  first: AgentCall | undefined
  recorded: Promise<void> | undefined
  /** Heartbeats so far, and when the last one was. */
  calls: number
  calledAt?: number
  /** Where the token went, as far as this process knows. */
  shownTo: string | undefined
  /**
   * The same machine asked for the token after it was given out, or for the files of this boot after its agent had called, and nothing was heard of
   * that agent since.
   */
  cameAgain: boolean
  readonly onAskedAgain: Set<() => void>
  lastSeen?: Seen
  readonly listeners: Set<(call: AgentCall) => void>
}

export type Heard = 'unknown' | 'wrong token' | 'changed' | 'heard'

export class Agents {
  readonly #byNode = new Map<string, Entry>()
  readonly #now: () => number

  /** `now`: ms since 1970. */
  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  /** Expecting the same boot again changes nothing. */
  expect(expected: Expected): void {
    if (this.#byNode.get(expected.node)?.token === expected.token) return
    this.#byNode.set(expected.node, {
      ...expected,
      first: expected.call,
      recorded: expected.call && Promise.resolve(),
      calls: 0,
      shownTo: undefined,
      cameAgain: false,
      onAskedAgain: new Set(),
      listeners: new Set(),
    })
  }

  forget(node: string): void {
    this.#byNode.delete(node)
  }

  /** The installer of `node` has fetched its orders. */
  async ordersFetched(node: string): Promise<void> {
    await this.#byNode.get(node)?.installer?.onOrders()
  }

  /** An installer tells of itself. */
  async reported(node: string, token: string, report: InstallerReport): Promise<Exclude<Heard, 'changed'>> {
    const entry = this.#byNode.get(node)
    if (entry?.installer === undefined) return 'unknown'
    if (!same(token, entry.token)) return 'wrong token'
    this.saw(node, `installer.${report.status}`)
    await entry.installer.reports.add(report)
    return 'heard'
  }

  /** What the installer of `node` tells. Throws where none is expected. */
  reportsOf(node: string): InstallerReports {
    const reports = this.#byNode.get(node)?.installer?.reports
    if (reports === undefined) throw new Error(`no installer is expected at node ${node}`)
    return reports
  }

  /** The node that asks: by its id with one of its MACs, or by MACs alone; MACs of two nodes are nobody's. */
  find(query: { addresses: readonly string[]; node_uuid?: string | undefined }): Expected | undefined {
    const { addresses, node_uuid: id } = query
    const agents = [...this.#byNode.values()].filter(({ installer }) => installer === undefined)
    const matches = agents.filter(({ macs }) => macs.some((mac) => addresses.includes(mac)))
    if (id === undefined) return matches.length === 1 ? matches[0] : undefined
    const entry = agents.find(({ node }) => node === id)
    return entry !== undefined && (addresses.length === 0 || matches.includes(entry)) ? entry : undefined
  }

  /** A stage of the boot that `node`'s agent is expected from; of other nodes nothing is kept. */
  saw(node: string, stage: string, words = stage): void {
    const entry = this.#byNode.get(node)
    if (entry === undefined) return
    const hasRamdisk = entry.lastSeen?.hasRamdisk === true || HAS_RAMDISK.has(stage)
    entry.lastSeen = { words, hasRamdisk }
    entry.cameAgain ||= entry.call !== undefined && LOADED.has(stage)
  }

  /** The last of them; undefined when none was seen since the agent is expected here. */
  lastSeen(node: string): Seen | undefined {
    return this.#byNode.get(node)?.lastSeen
  }

  /** The token, the first time; undefined afterwards. `from`: the address that asks. */
  async showToken(node: string, from: string): Promise<string | undefined> {
    const entry = this.#byNode.get(node)
    if (entry === undefined) return undefined
    if (entry.shown) {
      // A machine that starts again has the address that it had. Another one that asks says nothing about this machine.
      if (from === (entry.shownTo ?? addressOf(entry.first))) {
        entry.cameAgain = true
        for (const tell of entry.onAskedAgain) tell()
      }
      return undefined
    }
    entry.shown = true
    entry.shownTo = from
    this.saw(node, 'agent.lookup')
    await entry.onShown()
    return entry.token
  }

  /** The boot script of `node` was fetched, whole. */
  async scriptFetched(node: string): Promise<void> {
    await this.#byNode.get(node)?.onScript()
  }

  /**
   * Did the machine load its ramdisk again, or ask who it is, and nothing was heard of its agent since? Beside an agent that is silent this means
   * that the machine started again. Ironic's own agent asks a second time in the middle of its work, but then it goes on answering.
   */
  cameAgain(node: string): boolean {
    return this.#byNode.get(node)?.cameAgain ?? false
  }

  /** The agent that has called answered a question just now. */
  answered(node: string): void {
    const entry = this.#byNode.get(node)
    if (entry !== undefined) entry.cameAgain = false
  }

  /** A heartbeat. The address and certificate of an agent do not change during a boot. */
  async heard(node: string, token: string, call: AgentCall): Promise<Heard> {
    const entry = this.#byNode.get(node)
    if (entry === undefined || entry.installer !== undefined) return 'unknown'
    if (!same(token, entry.token)) return 'wrong token'
    const first = (entry.first ??= call)
    if (first.url !== call.url || first.certificate !== call.certificate) return 'changed'
    entry.recorded ??= entry.onCall(call).catch((error: unknown) => {
      entry.first = entry.recorded = undefined
      throw error
    })
    await entry.recorded
    entry.call = call
    entry.calls++
    entry.calledAt = this.#now()
    entry.cameAgain = false
    for (const tell of entry.listeners) tell(call)
    return 'heard'
  }

  /**
   * The first heartbeat of `node`'s boot, also when it has been already. Undefined when none can come any more: the machine started again after
   * its agent had got the token. Rejects with the signal's reason.
   */
  async firstCall(node: string, signal: AbortSignal): Promise<AgentCall | undefined> {
    const entry = this.#byNode.get(node)
    if (entry === undefined) throw new Error(`no agent is expected at node ${node}`)
    if (entry.call !== undefined) return entry.call
    if (entry.cameAgain) return undefined
    const over = new AbortController()
    const vain = Promise.withResolvers<undefined>()
    const tell = () => vain.resolve(undefined)
    entry.onAskedAgain.add(tell)
    const heard = nextCall(entry, AbortSignal.any([signal, over.signal]))
    try {
      return await Promise.race([heard, vain.promise])
    } finally {
      entry.onAskedAgain.delete(tell)
      over.abort(new Error('nobody waits for the first call any more'))
      heard.catch(() => {})
    }
  }

  /** When the agent of `node`'s boot called last, ms since 1970; undefined: none has called here. */
  lastCallAt(node: string): number | undefined {
    return this.#byNode.get(node)?.calledAt
  }

  /** Heartbeats of `node`'s boot so far: what `callAfter` counts from. */
  callCount(node: string): number {
    return this.#byNode.get(node)?.calls ?? 0
  }

  /** Resolves when there were more heartbeats than `count`: an agent calls as soon as a command has ended. */
  async callAfter(node: string, count: number, signal: AbortSignal): Promise<void> {
    const entry = this.#byNode.get(node)
    if (entry === undefined) return await new Promise(() => undefined) // nobody is expected: nothing ends the wait early
    if (entry.calls <= count) await nextCall(entry, signal)
  }
}

/** Rejects with the signal's reason. */
async function nextCall(entry: Entry, signal: AbortSignal): Promise<AgentCall> {
  signal.throwIfAborted()
  return await new Promise((resolve, reject) => {
    const end = () => {
      entry.listeners.delete(tell)
      signal.removeEventListener('abort', abort)
    }
    const tell = (call: AgentCall) => {
      end()
      resolve(call)
    }
    const abort = () => {
      end()
      reject(signal.reason as Error)
    }
    entry.listeners.add(tell)
    signal.addEventListener('abort', abort, { once: true })
  })
}

function addressOf(call: AgentCall | undefined): string | undefined {
  return URL.parse(call?.url ?? '')?.hostname.replace(/^\[|\]$/g, '')
}

function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}
