// The deploy interface "ansible": playbooks, run here, do by SSH on the ramdisk what the agent would do by itself; the rest is as in "direct". The agent opens that
// door for the time of one playbook. A step that is begun anew ends what an earlier run of it left on the machine, and begins the playbook anew.
import { join } from 'node:path'
import { FaultError } from '../../../shared/faults.ts'
import { startCommand, waitForCommand } from '../../agents/agent-client.ts'
import type { AgentConnection } from '../../agents/agent-connection.ts'
import type { Implementation, StepContext, StepResult } from '../../driver.ts'
import { directDeploy } from '../direct.ts'
import { bootOf } from '../door.ts'
import { imageInfoOf } from '../image-info.ts'
import { agentOf, type AgentOptions, byteNotes, commandKey, nodeParams } from '../perform.ts'
import { refuseProperties } from '../properties.ts'
import { deployContext } from '../task-context.ts'
import { type AnsibleInfo, ansibleInfoOf } from './info.ts'
import { type Opened, openedAt } from './opened.ts'
import { runPlaybook, tagsOf } from './run.ts'
import { type RunKey, withRunFolder } from './run-folder.ts'

const CLEANUP_MS = 20_000
/** Cleaning by a playbook, where the node has one; the others are the agent's. */
const BY_PLAYBOOK = ['erase_devices_metadata', 'erase_devices']

export function ansibleDeploy<Info>(options: AgentOptions<Info>): Implementation<Info> {
  const direct = directDeploy<Info>(options)
  const { tear_down_agent: tearDown, ...steps } = direct.steps!
  const cleaning = BY_PLAYBOOK.map((name) => {
    const byAgent = steps[name]!
    const step = async (context: StepContext<Info>): Promise<StepResult | void> => {
      const info = ansibleInfoOf(context)
      if (info.clean === undefined) return await byAgent(context)
      const tags = info.cleanSteps === undefined ? undefined : await tagsOf(info.cleanSteps, name)
      await play(context, options, info, info.clean, { tags: tags ?? [name] })
    }
    return [name, step] as const
  })
  return {
    ...direct,
    // Chosen by name alone: `autodetect` takes an image for the agent.
    deployment: { core: direct.deployment!.core },
    validate(context, instanceInfo) {
      refuseProperties(context, instanceInfo, ['local'])
      ansibleInfoOf(context)
      if (instanceInfo !== undefined) imageInfoOf(context.node.node, instanceInfo)
    },
    steps: {
      ...steps,
      ...Object.fromEntries(cleaning),
      write_image: (context) => writeImage(context, options),
      async tear_down_agent(context) {
        const info = ansibleInfoOf(context)
        if (info.shutdown === undefined || context.args['power_off'] === false) return await tearDown!(context)
        // The machine goes in the middle of it, so that how it ended says little; the next step sees to its power.
        await play(context, options, info, info.shutdown, {}).catch((error: unknown) => {
          context.signal.throwIfAborted()
          if (!(error instanceof FaultError)) throw error
          context.note('agent.gone', { why: error.fault.message })
        })
        return { context: { power_off_told: true } }
      },
    },
  }
}

async function writeImage<Info>(context: StepContext<Info>, options: AgentOptions<Info>): Promise<void> {
  const { node, site, env, signal } = context
  if (site.writes === undefined) throw new FaultError('driver.unsupported', 'this conductor keeps no images')
  const info = ansibleInfoOf(context)
  const image = imageInfoOf(node.node, deployContext(context).instance_info)
  const { door } = bootOf(site)
  const use = { env, signal, onProgress: byteNotes(context, 'write_image') }
  await site.writes.images.use(image, use, async ({ path, bytes, digest }) => {
    const url = door.serveFile(path, { node: node.node })
    const { algorithm, hex } = digest
    const checksum = `${algorithm}:${hex}`
    const served = { url, disk_format: 'raw', bytes, checksum, digest_algorithm: algorithm, digest: hex }
    try {
      await play(context, options, info, info.deploy, { image: served, written: true })
    } finally {
      door.withdrawFile(url)
    }
  })
}

interface Play {
  readonly tags?: readonly string[]
  readonly image?: { readonly url: string; readonly [field: string]: unknown }
  /** It writes the root disk. */
  readonly written?: boolean
}

async function play<Info>(
  context: StepContext<Info>,
  options: AgentOptions<Info>,
  info: AnsibleInfo,
  playbook: string,
  asked: Play,
): Promise<void> {
  const folder = join(context.site.ansible!.runs, context.node.node)
  await withRunFolder(folder, info.keyFile, (key) => playIn(folder, key, context, options, info, playbook, asked))
}

async function playIn<Info>(
  folder: string,
  key: RunKey,
  context: StepContext<Info>,
  options: AgentOptions<Info>,
  info: AnsibleInfo,
  playbook: string,
  { tags, image, written = false }: Play,
): Promise<void> {
  const { node, site, note, signal, before, env } = context
  const { path } = site.ansible!
  const agent = await agentOf(context, options)
  const attempt = Buffer.from(env.random(8)).toString('hex')
  const order = async (to: AgentConnection, name: string, params: object) =>
    await waitForCommand(
      to,
      await startCommand(
        to,
        name,
        { ...params, ...nodeParams(context) },
        `${commandKey(context, name)} ${attempt} ${JSON.stringify(params).length}`,
      ),
    )
  const answer = await order(agent, 'ssh.start_server', { authorized_key: key.publicKey })
  try {
    const opened = openedAt(agent.url, answer)
    const { address, port, host_key: hostKey } = opened
    before()
    note('ansible.begins', { playbook: playbook.slice(playbook.lastIndexOf('/') + 1) })
    await runPlaybook({
      ...{ folder, path, playbook, playbooks: info.folder, tags, python: info.python, signal, keyFile: key.file },
      machine: { node: node.node, address, port, hostKey },
      variables: { ironic: variablesOf(context, opened, image) },
      onTask(task) {
        context.limitFromNow()
        note('ansible.task', { task })
      },
    })
    await order(agent, 'ssh.stop_server', { written })
  } catch (error) {
    const unbound = { ...agent, signal: AbortSignal.timeout(CLEANUP_MS), before: () => {} }
    await order(unbound, 'ssh.stop_server', {}).catch((cause: unknown) => {
      note('ansible.door_stays', { why: (cause as Error).message })
    })
    throw masked(error, image?.url)
  }
}

/** As Ironic's playbooks know them, and the disk that the agent has chosen. */
function variablesOf(context: StepContext<unknown>, opened: Opened, image: Play['image']) {
  const { node } = context
  return {
    nodes: [{ ip: opened.address, name: node.node, user: 'root', extra: {} }],
    root_device: { path: opened.root_device, bytes: opened.root_device_bytes },
    ...(image && { image }),
  }
}

/** Whoever reads the fault finds no URL in it that leads to an image. */
function masked(error: unknown, url: string | undefined): unknown {
  if (url === undefined || !(error instanceof FaultError)) return error
  const { code, message, hint } = error.fault
  return new FaultError(code, message.replaceAll(url, 'the image'), {
    ...(hint !== undefined && { hint }),
    cause: error,
  })
}
