// The deploy interface "iscsi": the conductor fetches the image and writes it, through a disk that the agent exports; the rest is as in "direct".
// 1. Each attempt has a name and a secret of its own, so that whoever wrote before (a conductor that was replaced) can never log in again.
// 2. A disk counts as written when the agent has read back the digest of what was sent. 3. Whatever happens, the export ends.
import { connect } from 'node:net'
import { z } from 'zod'
import { FaultError } from '../../shared/faults.ts'
import { toBase64Url } from '../../shared/sealing.ts'
import {
  abortCommand,
  findCommand,
  judgeSilence,
  runningCommand,
  startCommand,
  waitForCommand,
} from '../agents/agent-client.ts'
import type { AgentConnection } from '../agents/agent-connection.ts'
import type { Implementation, StepContext } from '../driver.ts'
import type { SiteWrites } from '../site.ts'
import { sleep } from '../timing.ts'
import { directDeploy } from './direct.ts'
import { agentOf, type AgentOptions, byteNotes, type ByteNotes, nodeParams } from './perform.ts'
import type { CachedImage } from './image-cache.ts'
import { bootVolumeOf } from '../storage/boot-volume.ts'
import { imageInfoOf } from './image-info.ts'
import { refuseProperties } from './properties.ts'
import { runQemuImg } from './qemu-img.ts'
import { deployContext } from './task-context.ts'

const PORTAL_PORT = 3260
const USERNAME = 'ferrule'
/** 128 bits; RFC 7143 §9.2.1 asks for 96. */
const SECRET_BYTES = 16
const WATCH_MS = 10_000
/** So long without another byte on the disk: it takes no more. The flush at the end of a write is silent, and a machine may cache very much. */
const STALL_MS = 20 * 60_000
/** An agent that is silent for so long while its disk is written is lost; libiscsi alone would try to reconnect for ever. */
const CLEANUP_MS = 20_000

/** What start_iscsi_target answers; it becomes part of qemu-img's options. `ended` changes when the export has ended. */
const ExportResult = z.looseObject({
  portal_port: z.number().int().min(1).max(65_535).default(PORTAL_PORT),
  disk_bytes: z.number().min(0).default(Infinity),
  ended: z.string().nullish(),
})

interface Exported {
  readonly iqn: string
  readonly secret: string
  /** host:port, IPv6 in brackets. */
  readonly portal: string
  readonly diskBytes: number
  /** The agent's entry of the command that exported. */
  readonly command: string
}

export function iscsiDeploy<Info>(options: AgentOptions<Info>): Implementation<Info> {
  const direct = directDeploy<Info>(options)
  return {
    ...direct,
    validate(context, instanceInfo) {
      refuseProperties(context, instanceInfo, ['local'])
      if (instanceInfo !== undefined && bootVolumeOf(context, instanceInfo) === undefined)
        imageInfoOf(context.node.node, instanceInfo)
    },
    steps: {
      ...direct.steps,
      write_image: (context) => writeImage(context as StepContext<unknown>, options as AgentOptions<unknown>),
    },
  }
}

async function writeImage(context: StepContext<unknown>, options: AgentOptions<unknown>): Promise<void> {
  const { node, site, env, signal, note } = context
  const { writes } = site
  if (writes === undefined) throw new FaultError('driver.unsupported', 'this conductor writes no images itself')
  const image = imageInfoOf(node.node, deployContext(context).instance_info)
  const tell = byteNotes(context, 'write_image')
  const use = { env, signal, onProgress: tell }
  const agent = await agentOf(context, options)
  await writes.images.use(image, use, async (content) => {
    await using waiting = watchWhileWaiting(agent, context)
    await writes.turns.run(
      waiting.signal,
      async () => {
        await waiting[Symbol.asyncDispose]()
        context.limitFromNow()
        await writeContent(context, agent, writes, content, tell)
      },
      (ahead) =>
        note('write_image.waits', { why: `this conductor writes other images first; ${ahead} more are waiting` }),
    )
  })
}

/** How long others write is not known, so the step's limit begins anew for as long as the agent is there; its signal aborts when it is not. */
function watchWhileWaiting(agent: AgentConnection, context: StepContext<unknown>) {
  const { env } = context
  const [lost, over] = [new AbortController(), new AbortController()]
  const signal = AbortSignal.any([agent.signal, over.signal])
  const watch = async () => {
    for (let heardAt = env.mono(); ;) {
      await sleep(env, WATCH_MS, signal)
      const silence = await isThere({ ...agent, signal }).catch((error: unknown) => error as Error)
      if (silence === undefined) {
        heardAt = env.mono()
        context.limitFromNow()
      } else {
        const fault = await judgeSilence(agent, env.mono() - heardAt, silence)
        if (fault !== undefined) return lost.abort(fault)
      }
    }
  }
  const watching = watch().catch(() => {})
  return {
    signal: AbortSignal.any([agent.signal, lost.signal]),
    async [Symbol.asyncDispose]() {
      over.abort(new Error('the wait has ended'))
      await watching
    },
  }
}

async function isThere(agent: AgentConnection): Promise<undefined> {
  await runningCommand(agent, '')
}

async function writeContent(
  context: StepContext<unknown>,
  agent: AgentConnection,
  { folder, images }: SiteWrites,
  content: CachedImage,
  tell: ByteNotes,
): Promise<void> {
  const { note, signal, env, before } = context
  const params = nodeParams(context)
  const attempt = Buffer.from(env.random(8)).toString('hex')
  const iqn = `iqn.2008-10.org.openstack:${context.node.node.toLowerCase()}:${attempt}`
  const order = async (name: string, more: Record<string, unknown> = {}) => {
    const heartbeats = agent.heartbeats.count()
    const command = await startCommand(
      agent,
      name,
      { iqn, ...more, ...params },
      `${context.task.id} ${attempt} ${name}`,
    )
    return await waitForCommand(agent, command, ({ step, bytes, total }) => tell(step, bytes, total), heartbeats)
  }
  // What an earlier run of this step left the agent at: reading back. It can do one thing at a time.
  const left = await runningCommand(agent, 'iscsi.digest')
  if (left !== undefined) await waitForCommand(agent, left).catch(() => signal.throwIfAborted())
  try {
    const exported = await exportDisk(agent, iqn, attempt, context, content.bytes)
    note('write_image.exported', { iqn })
    // An agent of ours refuses before it erases anything; one of an older ramdisk does not know how much is coming.
    if (content.bytes > exported.diskBytes)
      throw new FaultError('image.too_large', `the image has ${content.bytes} bytes, the disk ${exported.diskBytes}`)
    before()
    const startedAt = env.mono()
    await whileWatched(agent, exported.command, env, (watched, progress) =>
      copy(content, exported, folder, watched, (part, bytes, total) => {
        progress()
        tell(part, bytes, total)
      }),
    )
    const ms = Math.max(1, env.mono() - startedAt)
    note('write_image.written', { bytes: content.bytes, durationMs: Math.round(ms) })
    await order('iscsi.stop_iscsi_target')
    const { algorithm, hex } = content.digest
    const { digest } = await order('iscsi.digest', { bytes: content.bytes, algorithm })
    if (digest !== hex) {
      await images.distrust(content)
      throw new FaultError(
        'disk.io',
        `the disk does not hold what was written: its ${algorithm} is ${digest}, not ${hex}`,
      )
    }
    note('write_image.verified', { [algorithm]: hex })
    await order('iscsi.finish_disk')
  } catch (error) {
    await discard(agent, iqn, `${context.task.id} ${attempt} `, params).catch((cause: unknown) => {
      note('write_image.left', { why: `the export may still be there: ${(cause as Error).message}` })
    })
    throw error
  }
}

async function exportDisk(
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

function exportOf(result: unknown): z.output<typeof ExportResult> {
  const parsed = ExportResult.safeParse(result ?? {})
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new FaultError('agent.command', `the agent's export: ${issue?.path.join('.')} ${issue?.message}`)
}

/** Image onto disk. Zeros are written as well: what was on the disk before shall not shine through. */
async function copy(
  { path, bytes }: CachedImage,
  { iqn, secret, portal }: Exported,
  folder: string,
  signal: AbortSignal,
  tell: ByteNotes,
): Promise<void> {
  const target = `driver=iscsi,transport=tcp,portal=${portal},target=${iqn},lun=1,user=${USERNAME},password-secret=secret0`
  // -n: the target is there; -m 8 -W: eight requests under way, in any order; -t writeback: end with a flush.
  const flags = ['-n', '-p', '-m', '8', '-W', '-t', 'writeback', '-f', 'raw']
  await runQemuImg({
    args: ['convert', ...flags, path, '--target-image-opts', target],
    secret: { text: secret, folder },
    signal,
    // 0 is said before qemu-img has logged in.
    onFraction: (fraction) => void (fraction > 0 && tell('iscsi', Math.floor(fraction * bytes), bytes)),
  })
}

/**
 * Runs `work` for as long as the agent answers and knows `command`, the export is there, and `progress` is called now and then; otherwise its signal
 * aborts with a fault that says which.
 */
async function whileWatched(
  agent: AgentConnection,
  command: string,
  env: StepContext['env'],
  work: (signal: AbortSignal, progress: () => void) => Promise<void>,
): Promise<void> {
  let movedAt = env.mono()
  const lost = new AbortController()
  const over = new AbortController()
  const watch = async () => {
    const signal = AbortSignal.any([agent.signal, over.signal])
    for (let heardAt = env.mono(); !signal.aborted;) {
      await sleep(env, WATCH_MS, signal)
      const found = await findCommand({ ...agent, signal }, command).catch((error: unknown) => error as Error)
      if (found === undefined)
        return lost.abort(new FaultError('agent.lost', 'the agent was restarted while its disk was written'))
      if (found instanceof Error) {
        const fault = await judgeSilence(agent, env.mono() - heardAt, found)
        if (fault !== undefined) return lost.abort(fault)
        continue
      }
      heardAt = env.mono()
      const { ended } = exportOf(found.command_result)
      if (typeof ended === 'string')
        return lost.abort(new FaultError('agent.command', `the export ended while the disk was written: ${ended}`))
      if (env.mono() - movedAt > STALL_MS)
        return lost.abort(new FaultError('disk.io', `the disk took no byte for ${STALL_MS / 60_000} minutes`))
    }
    return undefined
  }
  const watching = watch().catch(() => {})
  try {
    await work(AbortSignal.any([agent.signal, lost.signal]), () => void (movedAt = env.mono()))
  } finally {
    over.abort(new Error('the write has ended'))
    await watching
  }
}

/**
 * Ends the export that this attempt made and blanks the start of its disk. The task may have ended under us, so this goes without its signal and
 * its last-moment check: the name is ours alone, and an agent that has heard of a newer epoch refuses. What is still under way under `key`, ours
 * alone as well, ends first: an agent that is busy would refuse.
 */
async function discard(
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
