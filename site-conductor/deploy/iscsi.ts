// The deploy interface "iscsi": the conductor fetches the image and writes it, through a disk that the agent exports; the rest is as in "direct".
// 1. Each attempt has a name and a secret of its own, so that whoever wrote before (a conductor that was replaced) can never log in again.
// 2. A disk counts as written when the agent has read back the digest of what was sent. 3. Whatever happens, the export ends.
import { FaultError } from '../../shared/faults.ts'
import { runningCommand, startCommand, waitForCommand } from '../agents/agent-client.ts'
import type { AgentConnection } from '../agents/agent-connection.ts'
import type { Implementation, StepContext } from '../driver.ts'
import type { SiteWrites } from '../site.ts'
import { directDeploy } from './direct.ts'
import { agentOf, type AgentOptions, byteNotes, type ByteNotes, nodeParams } from './perform.ts'
import type { CachedImage } from './image-cache.ts'
import { bootVolumeOf } from '../storage/boot-volume.ts'
import { imageInfoOf } from './image-info.ts'
import { discard, exportDisk, type Exported, USERNAME } from './iscsi-export.ts'
import { watchWhileWaiting, whileWatched } from './iscsi-watch.ts'
import { refuseProperties } from './properties.ts'
import { runQemuImg } from './qemu-img.ts'
import { deployContext } from './task-context.ts'

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
