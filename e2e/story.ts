// What every story has: a cloud, a site with simulated machines, and a client that waits for what should happen. A wait that fails says
// what happened instead; a test that fails prints the timelines of its nodes.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestContext } from 'vitest'
import { type Api, ApiError, type ApiNode } from '../sim/api.ts'
import { startSimCloud, type SimCloud } from '../sim/cloud.ts'
import type { SimMachine } from '../sim/machine.ts'
import { setLease } from '../sim/lease.ts'
import { startWan, type Wan } from '../sim/wan.ts'
import { startSimSite, type SimSite, type SimSiteOptions } from '../sim/site.ts'

const PATIENCE_MS = 25_000
const POLL_MS = 20
const LAST_LINES = 30

export interface StoryOptions extends Partial<Omit<SimSiteOptions, 'cloudUrl' | 'token' | 'dataDir'>> {
  readonly cloud?: 'inside' | 'process'
  /** Requests need no token; of a cloud inside this process. */
  readonly noAuth?: true
  /** How long a change of a locked node waits; of a cloud inside this process. Default as of a server. */
  readonly lockWaitMs?: number
  /** Of the site's conductors; default 15 s. */
  readonly leaseMs?: number
  /** Between conductor and cloud is a line that can be cut. */
  readonly wan?: boolean
  /** Of each wait, where a story has a reason to wait for longer; default 25 s. */
  readonly patienceMs?: number
  /** Between conductor and cloud is a line of the story's own. */
  line?(cloudUrl: string): Promise<{ readonly url: string; close(): Promise<void> }>
}

export interface Story {
  readonly cloud: SimCloud
  /** Where the story asked for one. */
  readonly wan: Wan | undefined
  readonly site: SimSite
  readonly api: Api
  /** Holds `cloud/` and `site/`; gone when the story has ended. */
  readonly folder: string
  /** Lines of cloud and conductor. */
  readonly log: readonly string[]
  /** The first machine and its node. */
  readonly machine: SimMachine
  readonly node: string
  /** Waits until the node rests in `state`; a node that comes to rest elsewhere with an error fails the story. */
  reach(state: string, node?: string): Promise<ApiNode>
  /** Waits until the node rests with an error, and answers it. */
  fail(state: string, node?: string): Promise<ApiNode & { last_error: string }>
  /** From `enroll`, or wherever it rests before, to `available`. */
  prepare(node?: string): Promise<void>
  /** Waits until `check` answers something else than undefined or false. */
  until<T>(what: string, check: () => Promise<T | undefined | false> | T | undefined | false): Promise<T>
  [Symbol.asyncDispose](): Promise<void>
}

/** `context`: of the test that the story is. Stories share nothing, so that they can be told at the same time. */
export async function startStory({ onTestFailed }: TestContext, options: StoryOptions = {}): Promise<Story> {
  const folder = await mkdtemp(join(tmpdir(), 'ferrule-story-'))
  const log: string[] = []
  const {
    cloud: as = 'inside',
    noAuth = false,
    lockWaitMs,
    leaseMs,
    wan: hasWan = false,
    line: makeLine,
    patienceMs = PATIENCE_MS,
    conductorConfig,
    ...siteOptions
  } = options
  const cloud = await startSimCloud({
    dataDir: join(folder, 'cloud'),
    as,
    noAuth,
    ...(lockWaitMs === undefined ? {} : { lockWaitMs }),
    onLog: (line) => void log.push(line),
  })
  if (leaseMs !== undefined) await setLease(join(folder, 'cloud'), leaseMs)
  const wan = hasWan ? await startWan(cloud.url) : undefined
  const line = wan ?? (await makeLine?.(cloud.url))
  const site = await startSimSite({
    machines: 1,
    ...siteOptions,
    conductorConfig: { ...conductorConfig, ...(line && { url: line.url }) },
    cloudUrl: cloud.url,
    token: cloud.token,
    dataDir: join(folder, 'site'),
    onLog: (line) => void log.push(line),
  }).catch(async (error: unknown) => {
    await line?.close()
    await cloud.close()
    await rm(folder, { recursive: true, force: true })
    throw new Error(`the site did not start: ${String(error)}\n${log.slice(-LAST_LINES).join('\n')}`, { cause: error })
  })
  const { api } = site
  const nodeOf = (node?: string) => node ?? site.machines[0]?.node ?? ''

  const account = async (node: string): Promise<string> => {
    const entries = await api.timeline(node).catch(() => [])
    const lines = entries.map(
      ({ at, type, step, body }) => `${at.slice(11, 23)} ${type} ${step ?? ''} ${JSON.stringify(body).slice(0, 200)}`,
    )
    const console = site.machines.find((each) => each.node === node)?.machine.console() ?? ''
    return [`timeline of ${node}`, ...lines, 'console', console, 'log', ...log.slice(-LAST_LINES)].join('\n')
  }
  const until: Story['until'] = async (what, check) => {
    const end = performance.now() + patienceMs
    for (;;) {
      const found = await check()
      if (found !== undefined && found !== false) return found
      if (performance.now() > end) throw new Error(`no ${what} in ${patienceMs / 1000} s`)
      await sleep(POLL_MS)
    }
  }
  const inState = async (state: string, node: string, wantsError: boolean): Promise<ApiNode> => {
    let last: ApiNode | undefined
    const seen = until(state, async () => {
      last = await api.node(node).catch(unlessRefused)
      if (last === undefined || last.reservation !== null) return undefined
      if (last.provision_state === state && (last.last_error !== null) === wantsError) return last
      if (!wantsError && last.last_error !== null)
        throw new Error(`${last.provision_state} instead of ${state}: ${last.last_error}`)
      return undefined
    })
    return await seen.catch(async (error: Error) => {
      const where = `${last?.provision_state}, reservation ${last?.reservation}, last_error ${last?.last_error}`
      throw new Error(`${error.message}; the node is ${where}\n${await account(node)}`, { cause: error })
    })
  }

  const story: Story = {
    cloud,
    wan,
    site,
    api,
    folder,
    log,
    get machine() {
      return site.machines[0]!.machine
    },
    get node() {
      return nodeOf()
    },
    until,
    reach: (state, node) => inState(state, nodeOf(node), false),
    fail: async (state, node) => (await inState(state, nodeOf(node), true)) as ApiNode & { last_error: string },
    async prepare(node) {
      const ident = nodeOf(node)
      if ((await api.node(ident)).provision_state === 'enroll') {
        await api.provision(ident, 'manage')
        await story.reach('manageable', ident)
      }
      await api.provision(ident, 'provide')
      await story.reach('available', ident)
    },
    async [Symbol.asyncDispose]() {
      accounts = await Promise.all(site.machines.map(({ node }) => (node === '' ? '' : account(node))))
      await site.close()
      await line?.close()
      await cloud.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
  let accounts: string[] = []
  onTestFailed(() => console.error(accounts.join('\n\n')))
  return story
}

/** A cloud that is being restarted does not answer for a while. */
function unlessRefused(error: unknown): undefined {
  if (error instanceof ApiError) throw error
  return undefined
}
