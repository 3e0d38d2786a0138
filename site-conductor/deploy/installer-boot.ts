// What boot interfaces do for the deploy interface `anaconda`: they boot an installer of an operator, once, with its orders (a kickstart file), which only the
// first who asks is given. From the moment in which it has told its end nobody boots it any more, so that no machine is installed twice.
import { FaultError } from '../../shared/faults.ts'
import { kickstartPath, mediumPath } from '../boot/ticket.ts'
import type { StepContext } from '../driver.ts'
import { InstallerReports } from '../agents/installer-reports.ts'
import type { SiteBoot } from '../site.ts'
import type { BootWay, Carried } from './boot-way.ts'
import { bootOf, letOut, newTokens, tellDhcp, type Tokens, whoOf } from './door.ts'
import { type InstallerInfo, installerInfoOf } from './installer-info.ts'
import { driveContentOf } from './instance-drive.ts'
import { type Kickstart, kickstartOf } from './kickstart/kickstart.ts'
import { readTemplate } from './kickstart/template-file.ts'
import { appendParams, fetchNotes } from './ramdisk-files.ts'
import { deployContext, openSecret, withoutRamdisk } from './task-context.ts'

/** Where a boot of the installer begins. */
const INSTALL_AGAIN: readonly string[] = ['power.power_off', 'boot.prepare_installer']

export interface InstallerBoot<Info> {
  prepare(context: StepContext<Info>): Promise<void>
  /** Answers where to go on where it cannot be from here. */
  resume(context: StepContext<Info>): Promise<readonly string[] | undefined>
  /** Throws a FaultError where the installer that instance_info names cannot be booted so. */
  validate(instanceInfo: Readonly<Record<string, unknown>>): void
}

export function installerBoot<Info>(way: BootWay<Info>): InstallerBoot<Info> {
  const infoOf = (instanceInfo: Readonly<Record<string, unknown>>) => {
    const info = installerInfoOf(instanceInfo)
    if (info.isFetchedHere || way.carryUrls) return info
    throw new FaultError(
      'request.invalid',
      "with the node's boot interface this conductor serves the installer's kernel and ramdisk, and nothing says what they must be",
      { hint: 'set kernel_checksum and ramdisk_checksum in instance_info to their SHA-256, or boot_interface to ipxe' },
    )
  }
  return {
    validate: (instanceInfo) => void infoOf(instanceInfo),
    async prepare(context) {
      const { node, site } = context
      const info = infoOf(deployContext(context).instance_info)
      const { tokens, record } = await newTokens(context, way.device)
      // On record before anybody can see them: a successor must know the tokens that the machine may have got.
      await context.keep({ ...withoutRamdisk(context), ...record, installer: {} })
      letOut(node.node, site)
      const kickstart = await ordersOf(context, info, tokens)
      await context.keep({ installer: { after: kickstart.after } })
      await letInstallerIn(context, tokens, way, { info, kickstart })
      await way.atBmc?.attach(context, mediumPath(tokens.boot))
    },
    async resume(context) {
      const { boot_token: boot, agent_token: agent, agent_api: before, ...known } = deployContext(context)
      if (boot === undefined || agent === undefined) return undefined
      const { installer_fetched: isFetched, installer_report: report } = known
      const isOver = report !== undefined && report.status !== 'start'
      // Its orders name the conductor that it tells.
      const isElsewhere = before !== bootOf(context.site).agentApiUrl
      if (!isOver && (isElsewhere || !isFetched)) {
        const why = isElsewhere ? 'another conductor has taken over' : 'the installer may not have got its orders'
        context.note('boot.again', { why, before })
        return INSTALL_AGAIN
      }
      const tokens = {
        boot: await openSecret(context, 'task.boot_token', boot),
        agent: await openSecret(context, 'task.agent_token', agent),
      }
      await letInstallerIn(context, tokens, way)
      return undefined
    },
  }
}

/** Opens the door, and expects reports. Without `prepared`: the installer runs, and asks for nothing but its address. */
async function letInstallerIn<Info>(
  context: StepContext<Info>,
  tokens: Tokens,
  way: BootWay<Info>,
  prepared?: { readonly info: InstallerInfo; readonly kickstart: Kickstart },
): Promise<void> {
  const boot = bootOf(context.site)
  const who = whoOf(context)
  expectInstaller(context, who.macs, tokens.agent)
  if (deployContext(context).installer_report?.status === 'end') return
  try {
    const carried = prepared ? await carriedOf(context, tokens, way, prepared.info) : {}
    const kickstart = prepared ? { kickstart: Buffer.from(prepared.kickstart.text) } : {}
    boot.door.admit({ ...who, token: tokens.boot, ...carried, ...kickstart })
    if (prepared) await tellDhcp(context as StepContext)
  } catch (cause) {
    if (cause instanceof FaultError) throw cause
    throw new FaultError('driver.invalid_info', `the installer cannot be booted: ${(cause as Error).message}`, {
      cause,
    })
  }
}

async function carriedOf<Info>(
  context: StepContext<Info>,
  tokens: Tokens,
  way: BootWay<Info>,
  info: InstallerInfo,
): Promise<Carried> {
  const boot = bootOf(context.site)
  const { kernel, ramdisk, isFetchedHere } = info
  const kernelArguments = installerArguments(context, boot, tokens, info)
  if (!isFetchedHere) return way.carryUrls!({ kernel: kernel.url, ramdisk: ramdisk.url, kernelArguments })
  const { env, signal } = context
  const get = (file: typeof kernel) => boot.files.get(file, { env, signal, onProgress: fetchNotes(context, file) })
  return await way.carry({ kernel: await get(kernel), initrd: await get(ramdisk) }, kernelArguments, boot.isos)
}

function installerArguments(
  context: StepContext<unknown>,
  boot: SiteBoot,
  tokens: Tokens,
  { stage2, source, isFetchedHere }: InstallerInfo,
): string {
  const { node, driverInfo } = context
  const ports = node.ports.filter(({ pxeEnabled }) => pxeEnabled)
  return [
    `inst.ks=${boot.httpUrl}${kickstartPath(tokens.boot)}`,
    ...(stage2 === undefined ? [] : [`inst.stage2=${stage2}`]),
    ...('repository' in source ? [`inst.repo=${source.repository}`] : []),
    'inst.cmdline',
    // Which card it was, loaders say of what they have from here; with one card it can be no other.
    ...(ports.length === 1 && !isFetchedHere ? [`BOOTIF=${ports[0]!.address}`] : []),
    appendParams({ driverInfo }, boot.kernelArguments),
  ]
    .filter(Boolean)
    .join(' ')
}

async function ordersOf(context: StepContext<unknown>, info: InstallerInfo, tokens: Tokens): Promise<Kickstart> {
  const { node, site, env, signal } = context
  const boot = bootOf(site)
  const { template } = info
  const own = template && (await boot.files.get(template, { env, signal, onProgress: fetchNotes(context, template) }))
  return kickstartOf({
    node: { uuid: node.node, name: node.name },
    rootDevice: deployContext(context).instance_info['root_device'] ?? node.properties['root_device'],
    installer: info,
    reportTo: { url: `${boot.agentApiUrl}/v1/heartbeat/${node.node}`, token: tokens.agent, caPem: boot.caPem },
    configDrive: await driveContentOf(context),
    template: own && (await readTemplate(own)),
  })
}

function expectInstaller(context: StepContext<unknown>, macs: readonly string[], token: string): void {
  const { node, site } = context
  const reports = new InstallerReports(async (report) => {
    context.note(`installer.${report.status}`, { message: report.message })
    await context.keep({ installer_report: report })
    if (report.status === 'end') site.boot?.door.withdraw(node.node)
  }, deployContext(context).installer_report)
  site.agents.expect({
    node: node.node,
    macs,
    token,
    properties: {},
    instanceInfo: {},
    shown: true,
    onShown: async () => {},
    onScript: async () => {},
    onCall: async () => {},
    installer: { reports, onOrders: () => context.keep({ installer_fetched: true }) },
  })
}
