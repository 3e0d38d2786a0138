// What every boot interface does, whatever way the ramdisk takes (boot-way.ts): lets a node boot it once, with a token of its own. Some also boot
// instances over the network.
import { type FaultCode, FaultError } from '../../shared/faults.ts'
import { mediumPath } from '../boot/ticket.ts'
import type { Context, Implementation, StepContext } from '../driver.ts'
import type { SiteBoot } from '../site.ts'
import { type BootWay, httpWay, networkWay } from './boot-way.ts'
import { bootOf, letOut, macsOf, newTokens, otherDhcp, tellDhcp, type Tokens, whoOf } from './door.ts'
import { installerBoot } from './installer-boot.ts'
import { appendParams, checkRamdiskInfo, namesIso, ramdiskFiles } from './ramdisk-files.ts'
import { BOOT_AGAIN, deployContext, openSecret, withoutRamdisk } from './task-context.ts'

/** Expects the node's agent. Doing it twice for the same boot changes nothing. */
function expectAgent(context: StepContext<unknown>, macs: readonly string[], token: string, isCarried: boolean): void {
  const { node, site, keep, note } = context
  const { instance_info: instanceInfo, agent_token_shown: shown, ...known } = deployContext(context)
  const { agent_url: url, agent_certificate: certificate, agent_version: version } = known
  site.agents.expect({
    node: node.node,
    macs,
    token,
    properties: node.properties,
    instanceInfo: withoutSecrets(instanceInfo),
    shown: shown || isCarried,
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
}

function kernelArgumentsOf(context: StepContext<unknown>, boot: SiteBoot, ofVolume: readonly string[]): string {
  return [
    `ipa-api-url=${boot.agentApiUrl}`,
    `ferrule.ca=sha256:${boot.caSha256}`,
    `ferrule.node=${context.node.node}`,
    ...ofVolume,
    appendParams(context, boot.kernelArguments),
  ]
    .filter(Boolean)
    .join(' ')
}

/** The address that DHCP would give, so that a machine which boots a volume needs none. */
function addressArguments(context: StepContext<unknown>, { givesAddresses }: SiteBoot): string[] {
  const { address } = context.node
  if (!givesAddresses || address === null || otherDhcp(context)) return []
  const { ip, prefixLength, router, dns = [] } = address
  return [
    `ferrule.address=${ip}/${prefixLength}`,
    ...(router === undefined ? [] : [`ferrule.router=${router}`]),
    ...(dns.length === 0 ? [] : [`ferrule.dns=${dns.join(',')}`]),
  ]
}

/** Opens the door for the node and expects its agent. Doing it twice for the same boot changes nothing. */
async function letIn<Info>(context: StepContext<Info>, tokens: Tokens, way: BootWay<Info>): Promise<void> {
  const boot = bootOf(context.site)
  const who = whoOf(context)
  const { macs } = who
  // Its agent has called, so it has loaded everything: only its address is still asked for. Where the files come from may be away by now.
  const isLoaded = deployContext(context).agent_url !== undefined
  const isOurs = way.isVolume && !namesIso(context)
  const carriesToken = isOurs && way.isPrivate
  const [mac, ...others] = macs
  const ofVolume = isOurs
    ? [
        'boot_method=vmedia',
        ...(carriesToken ? [`ipa-agent-token=${tokens.agent}`] : []),
        // With several cards it is not known which of them is on the provisioning network.
        ...(others.length === 0 ? [`BOOTIF=${mac}`, ...addressArguments(context, boot)] : []),
      ]
    : []
  const line = kernelArgumentsOf(context, boot, ofVolume)
  expectAgent(context, macs, tokens.agent, carriesToken)
  try {
    const carried = isLoaded ? {} : await way.carry(await ramdiskFiles(context, boot, way.isVolume), line, boot.isos)
    boot.door.admit({ ...who, token: tokens.boot, ...carried })
    if (!isLoaded) await tellDhcp(context as Context)
  } catch (cause) {
    if (cause instanceof FaultError) throw cause
    throw new FaultError('driver.invalid_info', `the node cannot be booted: ${(cause as Error).message}`, { cause })
  }
}

const MEDIUM_STAYS: readonly FaultCode[] = ['bmc.refused', 'bmc.privilege', 'bmc.unreachable', 'driver.unsupported']

/**
 * Takes the volume out while it is still served: there are BMCs that do not let go of what they cannot read. One that refuses, or of which it is not
 * known whether it has done it, keeps nothing from going on: the volume is served no more, and the next boot takes it out first. A request that may
 * still be on its way is shut out with the fence, and tried again in another one first.
 */
async function takeOut(context: StepContext<unknown>, detach: () => Promise<void> | undefined): Promise<void> {
  try {
    await detach()
  } catch (error) {
    if (!(error instanceof FaultError)) throw error
    const { code, message } = error.fault
    const isLostForGood = code === 'bmc.session_lost' && !context.fencesLeft
    if (!isLostForGood && !MEDIUM_STAYS.includes(code)) throw error
    context.note('boot.medium_stays', { why: message })
  }
  letOut(context.node.node, context.site)
}

/** Why the boot of an agent that has not called has to begin anew at this conductor; undefined: it goes on. */
function whyAgain<Info>(context: StepContext<Info>, { isVolume }: BootWay<Info>): string | undefined {
  const { agent_api: api, agent_token_shown: shown, boot_script_fetched: fetched } = deployContext(context)
  // Files come from there, and the agent calls there: nobody here would ever hear of it.
  if (api !== undefined && api !== bootOf(context.site).agentApiUrl)
    return 'another conductor has taken over before the agent called'
  if (isVolume) return 'whether the volume could be read to its end is not known'
  // Firmware that nobody answered gives the network up at once, and starts the disk. A token that is on record as shown is shown to nobody
  // again, and an agent that has it calls within a moment. Either way the machine might be waited for in vain.
  if (shown) return 'whether the agent has got its token is not known'
  return fetched ? undefined : 'the machine might have found no conductor'
}

export function ramdiskBoot<Info>(way: BootWay<Info> = networkWay('ipxe')): Implementation<Info> {
  const { instance } = way
  const installer = installerBoot(way)
  return {
    validateInstaller: installer.validate,
    ...(instance && { validateInstance: (context, info) => instance.validate(context as Context<Info>, info) }),
    ...(way.volumeTypes && { volumeTypes: way.volumeTypes }),
    ...(way.atBmc && {
      fenced: ['prepare_ramdisk', 'prepare_installer', 'clean_up_ramdisk', 'prepare_instance', 'clean_up_instance'],
    }),
    validate(context) {
      bootOf(context.site)
      macsOf(context)
      checkRamdiskInfo(context)
      way.validate?.(context)
    },
    steps: {
      ...(instance && {
        async prepare_instance(context) {
          letOut(context.node.node, context.site)
          await instance.begin(context)
          await tellDhcp(context as Context)
          if (deployContext(context).instance_info['configdrive'] !== undefined)
            context.note('configdrive.ignored', { why: 'nothing of an instance that is not on a disk would read it' })
          return { context: { instance_admitted: true, ramdisk_device: way.device } }
        },
      }),
      async prepare_ramdisk(context) {
        const { node, site } = context
        const { tokens, record } = await newTokens(context, way.device)
        // On record before anybody can see them: a successor must know the tokens that the machine may have got.
        await context.keep({ ...withoutRamdisk(context), ...record })
        letOut(node.node, site)
        await letIn(context, tokens, way)
        await way.atBmc?.attach(context, mediumPath(tokens.boot))
      },
      prepare_installer: installer.prepare,
      async clean_up_ramdisk(context) {
        await takeOut(context, async () => way.atBmc?.detach(context))
        return { context: withoutRamdisk(context) }
      },
      async clean_up_instance(context) {
        await takeOut(context, async () => instance?.end(context))
      },
    },
    async resume(context) {
      const known = deployContext(context)
      if (known.instance_admitted) return instance?.goOn(context)
      if (known.installer) return await installer.resume(context)
      const { boot_token: boot, agent_token: agent, agent_url: url, agent_api: before } = known
      if (boot === undefined || agent === undefined) return
      const why = url === undefined ? whyAgain(context, way) : undefined
      if (why !== undefined) {
        context.note('boot.again', { why, before })
        return BOOT_AGAIN
      }
      const tokens = {
        boot: await openSecret(context, 'task.boot_token', boot),
        agent: await openSecret(context, 'task.agent_token', agent),
      }
      await letIn(context, tokens, way)
    },
    release: letOut,
  }
}

/** The boot interfaces that need no BMC of a certain kind, the default first. */
export function networkBoot<Info>(): Record<string, Implementation<Info>> {
  return {
    ipxe: ramdiskBoot(),
    pxe: ramdiskBoot(networkWay('pxe')),
    'http-ipxe': ramdiskBoot(networkWay('http-ipxe')),
    http: ramdiskBoot(httpWay()),
  }
}

/** Lookup answers go to whoever boots; nothing sealed or named like a secret is in them. */
function withoutSecrets(info: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(info).filter(([name]) => !/password|secret|configdrive|token/i.test(name)))
}
