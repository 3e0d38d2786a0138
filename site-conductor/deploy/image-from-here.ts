// image_download_source "local": the conductor fetches and verifies the image once for all its nodes, and their agents have it from there, raw.
// 1. The URL is unguessable, and there for as long as the step. 2. It is kept with the task: a conductor that starts again has it where the agent, which goes
//    on trying, looks for it; another conductor ends what the agent does and has it begin anew with a URL of its own.
import { createHash } from 'node:crypto'
import type { ImageInfo } from '../../shared/agent-protocol.ts'
import { FaultError } from '../../shared/faults.ts'
import { abortCommand } from '../agents/agent-client.ts'
import type { StepContext } from '../driver.ts'
import { bootOf } from './door.ts'
import { agentOf, type AgentOptions, byteNotes, commandKey, nodeParams, performer } from './perform.ts'
import { deployContext, openSecret } from './task-context.ts'

const STEP = 'write_image'

export async function writeFromHere<Info>(
  context: StepContext<Info>,
  image: ImageInfo,
  options: AgentOptions<Info>,
): Promise<void> {
  const { node, site, env, signal } = context
  if (site.writes === undefined) throw new FaultError('driver.unsupported', 'this conductor keeps no images')
  const { door } = bootOf(site)
  const sealed = deployContext(context).image_url
  const earlier = sealed === undefined ? undefined : await openSecret(context, 'task.image_url', sealed)
  await site.writes.images.use(image, { env, signal, onProgress: byteNotes(context, STEP) }, async (content) => {
    const url = door.serveFile(content.path, { node: node.node }, earlier)
    try {
      if (url !== earlier) {
        await context.keep({ image_url: await site.seal(node.node, 'task.image_url', url) })
        if (earlier !== undefined) await abortCommand(await agentOf(context, options), commandKey(context, STEP))
      }
      const { checksum: _, ...rest } = image
      const { algorithm, hex } = content.digest
      const served = { ...rest, urls: [url], disk_format: 'raw', os_hash_algo: algorithm, os_hash_value: hex }
      const params = { image_info: served, ...nodeParams(context) }
      await performer(options)(context, STEP, 'standby.prepare_image', params, nameOf(url))
    } finally {
      door.withdrawFile(url)
    }
  })
}

/** Tells the attempts with one URL from those with another, and does not say where it is. */
const nameOf = (url: string): string => createHash('sha256').update(url).digest('hex').slice(0, 16)
