// A site without hardware: the real conductor against a real cloud, with machines that are simulated down to their network packets.
// Everything is made through the public API; `close` leaves nothing behind but the data folder it was given.
import { writeFile } from 'node:fs/promises'
import { join as joined } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from '../agent/command.ts'
import { admit, receive, requestSiteKey } from '../site-conductor/cli/admit.ts'
import type { Dialer } from '../site-conductor/link/dialer.ts'
import { folder } from '../site-conductor/disk.ts'
import { enrol } from '../site-conductor/cli/enrol.ts'
import { issueServer, newSiteCa } from '../site-conductor/site/site-ca.ts'
import { Api } from './api.ts'
import { DHCP_PORT, makeConductor, type SimConductor } from './conductor.ts'
import { makeImage } from './image.ts'
import { startImageServer, type ImageServer, type PublishedImage } from './image-server.ts'
import { claimNetwork } from './loopback.ts'
import { BMC_USER, startMachine, type SimMachine } from './machine.ts'
import { StorageArray } from './storage-array.ts'

export interface SimSiteOptions {
  readonly cloudUrl: string
  /** A person's token. */
  readonly token: string
  /** How many machines. */
  readonly machines: number
  /** Of the conductor and the machines' disks. */
  readonly dataDir: string
  /** Default: the site called `default`. Another is made when it does not exist. */
  readonly siteName?: string
  /** Where the conductor runs; default inside this process. A process can be killed. */
  readonly conductor?: 'inside' | 'process'
  /** More of the conductor's configuration. */
  readonly conductorConfig?: Readonly<Record<string, unknown>>
  /** Default true: a node and a port for every machine. */
  readonly createNodes?: boolean
  /** Default 8 GiB, sparse. Agents take no disk below 4 GiB as root disk. */
  readonly diskBytes?: number
  /** Of each machine beside its first one; default none. */
  readonly moreDisks?: number
  /** Default 8 MiB. */
  readonly imageBytes?: number
  /** Of kernel and initrd each; default 256 KiB. */
  readonly ramdiskBytes?: number
  /** Of the nodes; with redfish each machine has such a BMC as well, behind TLS. Default ipmi. */
  readonly driver?: 'ipmi' | 'redfish'
  /** Default: one that anybody can guess. */
  readonly bmcPassword?: string
  /** What the machines' ramdisk has beside the agent's own commands. */
  readonly agentCommands?: readonly Command[]
  /** Of the SSH server that their ramdisk has; none when absent. */
  readonly sshPort?: number
  /** Folder of programs that layers of the ramdisk have instead of this host's. */
  readonly programs?: string
  /** What the switch at the first NIC of each machine sends (LLDP). */
  readonly lldpFrame?: Buffer
  onLog?(line: string): void
  onConsole?(machine: string, line: string): void
  /** Every frame between hub and conductor; of a conductor inside this process only. */
  onFrame?(frame: string): void
  /** How a conductor inside this process reaches the cloud. */
  readonly dialer?: Dialer
}

export interface SiteMachine {
  readonly machine: SimMachine
  /** UUID of its node; empty when it was not created. */
  readonly node: string
}

export interface SimSite {
  readonly id: string
  readonly name: string
  readonly api: Api
  readonly machines: readonly SiteMachine[]
  readonly images: ImageServer
  readonly image: PublishedImage
  readonly conductor: SimConductor
  readonly storage: StorageArray
  /** Another conductor of this site, at an address of its own, admitted to the site's key and connected. Default: inside this process. */
  join(config?: Readonly<Record<string, unknown>>, as?: 'inside' | 'process'): Promise<SimConductor>
  /** instance_info of a deployment of `image`. */
  instanceInfo(image?: PublishedImage): Record<string, string>
  /** driver_info that is right for a machine. */
  driverInfo(machine: SimMachine): Record<string, unknown>
  close(): Promise<void>
}

/** Machines that are started at once: each needs a socket and a disk. */
const AT_ONCE = 32
/** A process that has to start on a busy host is slow. */
const CONNECT_TIMEOUT_MS = 60_000

/** Resolves when the conductor is connected and the nodes are there, all in `enroll`. */
export async function startSimSite(options: SimSiteOptions): Promise<SimSite> {
  const {
    cloudUrl,
    token,
    dataDir,
    siteName = 'default',
    bmcPassword = 'calvin',
    driver = 'ipmi',
    onLog = () => {},
  } = options
  const api = new Api(cloudUrl, token)
  const closers: (() => Promise<void>)[] = []
  const close = async () => {
    for (const closer of closers.splice(0).toReversed()) await closer()
  }
  try {
    const network = await claimNetwork()
    closers.push(network.release)
    const site = await prepareSite(api, siteName, network.pool)
    const conductorDir = joined(dataDir, 'conductor')
    const enrolAs = async (dir: string, hostname: string) => {
      const { token: enrolToken } = (await api.call('POST', `/sites/${site}/enrol-tokens`, {})) as { token: string }
      return await enrol({ url: cloudUrl, token: enrolToken, dataDir: dir, hostname })
    }
    const enrolled = await enrolAs(conductorDir, `sim-${network.number}`)

    const images = await startImageServer(network.conductor)
    closers.push(() => images.close())
    const image = images.publish('sim.raw', makeImage(options.imageBytes ?? 8 * 2 ** 20))

    // The conductor goes first at the end: it says goodbye to BMCs, and waits for their answers.
    const started: SimMachine[] = []
    closers.push(async () => void (await Promise.all(started.map((machine) => machine.close()))))
    const ramdiskBytes = options.ramdiskBytes ?? 256 * 1024
    const conductor = await makeConductor({
      dataDir: conductorDir,
      hostname: `sim-${network.number}`,
      network,
      as: options.conductor ?? 'inside',
      ramdiskBytes,
      config: options.conductorConfig ?? {},
      onLog,
      ...(options.onFrame && { onFrame: options.onFrame }),
      ...(options.dialer && { dialer: options.dialer }),
    })
    closers.push(() => conductor.close())
    await conductor.start()

    const redfish = driver === 'redfish' ? await redfishTls(dataDir) : undefined
    const driverInfo = ({ bmc, redfish: server, options: { bmcPassword: password } }: SimMachine) =>
      server === undefined
        ? { ipmi_address: bmc.address, ipmi_port: bmc.port, ipmi_username: BMC_USER, ipmi_password: password }
        : {
            redfish_address: server.url,
            redfish_username: BMC_USER,
            redfish_password: password,
            redfish_verify_ca: redfish!.caFile,
          }
    await connected(api, enrolled.conductor)
    const storage = new StorageArray()
    const dhcpServers = [{ address: network.conductor, port: DHCP_PORT }]
    let places = 1
    const join: SimSite['join'] = async (config = {}, as = 'inside') => {
      const place = ++places
      const newDir = joined(dataDir, `conductor-${place}`)
      const hostname = `sim-${network.number}-${place}`
      const { conductor: id } = await enrolAs(newDir, hostname)
      const [member, newcomer] = [await folder(conductorDir), await folder(newDir)]
      const { text, fingerprint } = await requestSiteKey(newcomer)
      await receive(newcomer, await admit(member, text, fingerprint))
      const made = await makeConductor({ dataDir: newDir, hostname, network, place, as, ramdiskBytes, config, onLog })
      closers.push(() => made.close())
      await made.start()
      dhcpServers.push({ address: network.conductorAt(place), port: DHCP_PORT })
      await connected(api, id)
      return made
    }
    const make = async (index: number): Promise<SiteMachine> => {
      const name = `sim-${index + 1}`
      const machine = await startMachine({
        name,
        mac: macOf(network.number, index),
        uuid: crypto.randomUUID(),
        folder: joined(dataDir, 'machines', name),
        diskBytes: options.diskBytes ?? 8 * 2 ** 30,
        moreDisks: options.moreDisks ?? 0,
        bmcPassword,
        dhcpServers,
        relayAddress: network.relay,
        cable: 'plugged',
        redfish: redfish?.tls,
        storage,
        agentCommands: options.agentCommands,
        sshPort: options.sshPort,
        programs: options.programs,
        lldpFrame: options.lldpFrame,
        onConsole: (line) => options.onConsole?.(name, line),
      })
      started.push(machine)
      if (options.createNodes === false) return { machine, node: '' }
      return { machine, node: await createNode(api, siteName, machine, driver, driverInfo(machine)) }
    }
    const machines: SiteMachine[] = []
    for (let from = 0; from < options.machines; from += AT_ONCE) {
      const count = Math.min(AT_ONCE, options.machines - from)
      machines.push(...(await Promise.all(Array.from({ length: count }, (_, i) => make(from + i)))))
    }
    return {
      id: site,
      name: siteName,
      api,
      machines,
      images,
      image,
      conductor,
      storage,
      join,
      instanceInfo: (of = image) => ({
        image_source: of.url,
        image_os_hash_algo: 'sha256',
        image_os_hash_value: of.sha256,
        image_disk_format: 'raw',
      }),
      driverInfo,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** The site's id, with its address pool set. */
async function prepareSite(api: Api, name: string, pool: unknown): Promise<string> {
  const { sites } = (await api.call('GET', '/sites')) as { sites: { uuid: string; name: string }[] }
  const site = sites.find((each) => each.name === name)
  if (site === undefined) return ((await api.call('POST', '/sites', { name, pool })) as { uuid: string }).uuid
  await api.call('PATCH', `/sites/${site.uuid}`, [{ op: 'add', path: '/pool', value: pool }])
  return site.uuid
}

/** A node whose driver nobody serves is refused, so nodes wait for the conductor. */
async function connected(api: Api, conductor: string): Promise<void> {
  const until = performance.now() + CONNECT_TIMEOUT_MS
  for (;;) {
    const { conductors } = (await api.call('GET', '/conductors?detail=true')) as {
      conductors: { uuid?: string; hostname: string; alive: boolean; drivers: string[] }[]
    }
    if (conductors.some((each) => each.uuid === conductor && each.alive && each.drivers.length > 0)) return
    if (performance.now() > until)
      throw new Error(`conductor ${conductor} did not connect: ${JSON.stringify(conductors)}`)
    await sleep(20)
  }
}

async function createNode(
  api: Api,
  siteName: string,
  machine: SimMachine,
  driver: string,
  driverInfo: Record<string, unknown>,
): Promise<string> {
  const { name, mac } = machine.options
  const { uuid } = (await api.call('POST', '/nodes', {
    name,
    driver,
    conductor_group: siteName,
    driver_info: driverInfo,
    properties: { cpu_arch: 'x86_64', capabilities: 'boot_mode:uefi' },
  })) as { uuid: string }
  await api.call('POST', '/ports', { node_uuid: uuid, address: mac })
  return uuid
}

/** A certificate for the BMCs of this site, and the file with its authority, as a conductor's host would have it. */
async function redfishTls(dataDir: string): Promise<{ tls: { key: string; cert: string }; caFile: string }> {
  const ca = await newSiteCa(new Date())
  const { certificate: cert, privateKey: key } = await issueServer(ca, ['127.0.0.1'], new Date())
  const caFile = joined(dataDir, 'bmc-ca.pem')
  await writeFile(caFile, ca.certificate)
  return { tls: { key, cert }, caFile }
}

/** Locally administered (IEEE 802, second bit of the first byte). */
function macOf(network: number, index: number): string {
  const bytes = [0x52, 0x54, 0x00, network, index >> 8, index & 0xff]
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':')
}
