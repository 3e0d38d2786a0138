// The real cloud on a free loopback port, in this process or as a process of its own that can be killed and started again.
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type Child, startChild } from './child.ts'
import { startCloud, type Cloud } from '../cloud/hosts/node/start.ts'

export interface SimCloudOptions {
  readonly dataDir: string
  readonly as: 'inside' | 'process'
  /** Requests need no token; of one inside this process. Default false. */
  readonly noAuth?: boolean
  /** How long a change of a locked node waits; of one inside this process. Default as of a server. */
  readonly lockWaitMs?: number
  onLog(line: string): void
}

export interface SimCloud {
  readonly url: string
  /** Of the first person. */
  readonly token: string
  /** Starts it again, at the same address with the same data. */
  start(): Promise<void>
  /** SIGKILL; of one inside this process it is a clean stop. */
  kill(): Promise<void>
  close(): Promise<void>
}

export interface NodeCloud extends SimCloud {
  /** SIGSTOP and SIGCONT; of one inside this process neither is possible. */
  stall(): void
  resume(): void
}

/** Resolves when it listens. */
export async function startSimCloud(options: SimCloudOptions): Promise<NodeCloud> {
  return options.as === 'inside' ? await inside(options) : await outside(options)
}

async function inside({ dataDir, noAuth = false, lockWaitMs, onLog }: SimCloudOptions): Promise<NodeCloud> {
  const log: NonNullable<Parameters<typeof startCloud>[0]['log']> = (level, event, fields) =>
    onLog(JSON.stringify({ level, event, ...fields }))
  const options = { dataDir, noAuth, log, ...(lockWaitMs === undefined ? {} : { lockWaitMs }) }
  let cloud: Cloud | undefined = await startCloud({ ...options, port: 0 })
  const { url, token = '' } = cloud
  const close = async () => {
    await cloud?.close()
    cloud = undefined
  }
  const cannot = () => {
    throw new Error('a cloud inside this process cannot be stopped alone')
  }
  return {
    url,
    token,
    stall: cannot,
    resume: cannot,
    kill: close,
    close,
    async start() {
      cloud = await startCloud({ ...options, port: Number(new URL(url).port) })
    },
  }
}

async function outside({ dataDir, onLog }: SimCloudOptions): Promise<NodeCloud> {
  const program = fileURLToPath(new URL('cloud-process.ts', import.meta.url))
  let child: Child | undefined
  const start = async (port: number) => {
    const started = startChild(program, [dataDir, String(port)], ['stderr'], onLog)
    child = started
    // Its first line says where it is; a process that fails to start says why on the other stream.
    const line = await Promise.race([
      once(createInterface(started.process.stdout!), 'line'),
      once(started.process, 'exit').then(() => undefined),
    ])
    if (line === undefined) throw new Error(`the cloud ended when it was started on ${dataDir}`)
    return JSON.parse(String(line[0])) as { url: string; token?: string }
  }
  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    const ending = child
    child = undefined
    await ending?.end(signal)
  }
  const { url, token = '' } = await start(0)
  return {
    url,
    token,
    stall: () => void child?.process.kill('SIGSTOP'),
    resume: () => void child?.process.kill('SIGCONT'),
    kill: () => end('SIGKILL'),
    close: () => end('SIGTERM'),
    async start() {
      await start(Number(new URL(url).port))
    },
  }
}
