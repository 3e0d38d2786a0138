// The boot interfaces "ipxe" and "pxe" (GRUB or PXELINUX by TFTP): lets a node boot the deploy ramdisk over the network, once, with a token of its own for this boot.
import { FaultError } from '../../shared/faults.ts'
import { toBase64Url } from '../../shared/sealing.ts'
import type { LoaderFamily } from '../boot/loaders.ts'
import { bootAddress } from '../boot/ticket.ts'
import type { Implementation, StepContext } from '../driver.ts'
import type { Site, SiteBoot } from '../site.ts'
import { BOOT_AGAIN, deployContext, openSecret, withoutRamdisk } from './task-context.ts'

const BOOT_TOKEN_BYTES = 18
/** 43 characters: agents accept a token of at least 32. */
const AGENT_TOKEN_BYTES = 32

function bootOf(site: Site): SiteBoot {
  if (site.boot !== undefined) return site.boot
  throw new FaultError('driver.unsupported', 'boot services are switched off at this conductor', {
    hint: 'set "boot": true in the conductor\'s configuration, or give the node a driver that needs none',
  })
}

function macsOf({ node }: Pick<StepContext, 'node'>): string[] {
  const enabled = node.ports.filter((port) => port.pxeEnabled)
  const macs = (enabled.length > 0 ? enabled : node.ports).map((port) => port.address.toLowerCase())
  if (macs.length > 0) return macs
  throw new FaultError(
    'driver.invalid_info',
    `node ${node.name ?? node.node} has no port, so its network boot cannot be recognised`,
    {
      hint: 'POST /v1/ports with the MAC address of the NIC that boots',
    },
  )
}

/** Opens the door for the node and expects its agent. Doing it twice for the same boot changes nothing. */
async function letIn(
  context: StepContext<unknown>,
  tokens: { boot: string; agent: string },
  loader: LoaderFamily,
): Promise<void> {
  const { node, site, keep, note, driverInfo } = context as StepContext
  const boot = bootOf(site)
  if (node.address === null && boot.givesAddresses)
    throw new FaultError('site.no_address', `node ${node.name ?? node.node} has no boot address`)
  const { instance_info: instanceInfo, agent_token_shown: shown, ...known } = deployContext(context)
  const { agent_url: url, agent_certificate: certificate, agent_version: version } = known
  const macs = macsOf(context as StepContext)
  site.agents.expect({
    node: node.node,
    macs,
    token: tokens.agent,
    properties: node.properties,
    instanceInfo: withoutSecrets(instanceInfo),
    shown,
    async onShown() {
      note('agent.lookup')
      await keep({ agent_token_shown: true })
    },
    async onScript() {
      if (!deployContext(context).boot_script_fetched) await keep({ boot_script_fetched: true })
    },
    async onCall(call) {
      await keep({ agent_url: call.url, agent_version: call.version, agent_certificate: call.certificate })
      note('agent.call', { version: call.version })
    },
    call: url !== undefined && certificate !== undefined ? { url, certificate, version } : undefined,
  })
  const more = driverInfo['kernel_append_params']
  const kernelArguments = [
    `ipa-api-url=${boot.agentApiUrl}`,
    `ferrule.ca=sha256:${boot.caSha256}`,
    `ferrule.node=${node.node}`,
    boot.kernelArguments,
    typeof more === 'string' ? more : '',
  ].filter(Boolean)
  try {
    boot.door.admit({
      node: node.node,
      macs,
      token: tokens.boot,
      loader,
      ramdisk: { ...boot.ramdisk, kernelArguments: kernelArguments.join(' ') },
      ...(node.address !== null && { address: bootAddress(node.address) }),
    })
  } catch (cause) {
    throw new FaultError('driver.invalid_info', `the node cannot be booted: ${(cause as Error).message}`, { cause })
  }
}

function letOut(node: string, site: Site): void {
  site.boot?.door.withdraw(node)
  site.agents.forget(node)
}

export function ramdiskBoot<Info>(loader: LoaderFamily = 'ipxe'): Implementation<Info> {
  return {
    validate(context) {
      bootOf(context.site)
      macsOf(context)
    },
    steps: {
      async prepare_ramdisk(context) {
        const { node, site, env } = context
        const boot = toBase64Url(env.random(BOOT_TOKEN_BYTES))
        const agent = toBase64Url(env.random(AGENT_TOKEN_BYTES))
        const sealed = {
          boot_token: await site.seal(node.node, 'task.boot_token', boot),
          agent_token: await site.seal(node.node, 'task.agent_token', agent),
          agent_api: bootOf(site).agentApiUrl,
        }
        // On record before anybody can see them: a successor must know the tokens that the machine may have got.
        await context.keep({ ...withoutRamdisk(context), ...sealed })
        letOut(node.node, site)
        await letIn(context, { boot, agent }, loader)
      },
      async clean_up_ramdisk(context) {
        letOut(context.node.node, context.site)
        return { context: withoutRamdisk(context) }
      },
      async clean_up_instance({ node, site }) {
        letOut(node.node, site)
      },
    },
    async resume(context) {
      const known = deployContext(context)
      const { boot_token: boot, agent_token: agent, agent_url: url, agent_api: api } = known
      if (boot === undefined || agent === undefined) return
      if (url === undefined && api !== undefined && api !== bootOf(context.site).agentApiUrl) {
        // Another conductor let this machine boot: files come from there, and its agent calls there. Nobody here would ever hear of it.
        context.note('boot.again', { why: 'another conductor has taken over before the agent called', before: api })
        return BOOT_AGAIN
      }
      // Firmware that nobody answered gives the network up at once, and starts the disk. A token that is on record as shown is shown to nobody
      // again, and an agent that has it calls within a moment. Either way the machine might be waited for in vain.
      const why = known.agent_token_shown
        ? 'whether the agent has got its token is not known'
        : 'the machine might have found no conductor'
      if (url === undefined && (known.agent_token_shown || !known.boot_script_fetched)) {
        context.note('boot.again', { why, before: api })
        return BOOT_AGAIN
      }
      const tokens = {
        boot: await openSecret(context, 'task.boot_token', boot),
        agent: await openSecret(context, 'task.agent_token', agent),
      }
      await letIn(context, tokens, loader)
    },
    release: letOut,
  }
}

/** Lookup answers go to whoever boots; nothing sealed or named like a secret is in them. */
function withoutSecrets(info: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(info).filter(([name]) => !/password|secret|configdrive|token/i.test(name)))
}
