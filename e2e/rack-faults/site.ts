// Inside the rack's namespaces: a site whose parts can be made to fail. Like demo/rack-site.ts, with an image server that stalls on demand,
// conductors that can be killed, and as many of them, on hosts of their own, as a story wants.
import { appendFileSync, readFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { addHost, type Host } from '../../lab/host.ts'
import { addresses } from '../../lab/network.ts'
import { KERNEL_ARGUMENTS, type MachineSpec } from '../../lab/qemu.ts'
import { Rack } from '../../lab/rack.ts'
import { Api } from '../../sim/api.ts'
import { startSimCloud, type SimCloud } from '../../sim/cloud.ts'
import { type ImageServer, type PublishedImage, startImageServer } from '../../sim/image-server.ts'
import { openHttpsDoor } from './https-door.ts'
import { RackConductor } from '../rack-conductor.ts'

const LAST_LOG_LINES = 25

/** What the outer process prepared: a rack has no internet. */
export interface Prepared {
  readonly ramdisk: { readonly kernel: string; readonly initrd: string }
  /** A raw image. */
  readonly image: string
}

export interface FaultSiteOptions extends Prepared {
  readonly machines: readonly MachineSpec[]
  readonly directory: string
  /** Host names; the first conductor runs on the rack's first host, whatever its name. Default one. */
  readonly conductors?: readonly string[]
  /** More options of each conductor. */
  readonly flags?: Readonly<Record<string, string>>
  /** Default `inside` this process; one that is to be killed is a `process`. */
  readonly cloud?: 'inside' | 'process'
  /** Default true: the site has a pool of addresses for booting. */
  readonly hasPool?: boolean
}

export interface FaultSite {
  readonly rack: Rack
  readonly cloud: SimCloud
  readonly api: Api
  readonly images: ImageServer
  readonly conductors: readonly RackConductor[]
  /** The image under a name of its own, so that what happens to its downloads happens to one machine. */
  publish(name: string): PublishedImage
  /** A byte in the middle of the image's data, that is not zero: a machine really writes it, and has something to write before. */
  readonly middle: number
  /** The ends of the conductors' logs. */
  logs(): string[]
  close(): Promise<void>
}

export function readImage(path: string): { bytes: Buffer; sha256: string; middle: number } {
  const bytes = readFileSync(path)
  const data = bytes.findIndex((byte, at) => at >= bytes.length / 8 && byte !== 0)
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex'), middle: data }
}

/** Resolves when every conductor holds a lease. */
export async function startFaultSite(options: FaultSiteOptions): Promise<FaultSite> {
  const { directory, ramdisk, flags, conductors: names = ['one'] } = options
  const image = readImage(options.image)
  const rack = await Rack.up({ machines: options.machines })
  const cloud = await startSimCloud({
    dataDir: join(directory, 'cloud'),
    as: options.cloud ?? 'inside',
    onLog: (line) => appendFileSync(join(directory, 'cloud.log'), `${line}\n`),
  })
  const trusted = join(directory, 'cloud-ca.pem')
  const door = await openHttpsDoor(addresses.cloud, cloud.url, trusted)
  const api = new Api(cloud.url, cloud.token)
  const { sites } = (await api.call('GET', '/sites')) as { sites: { uuid: string }[] }
  const site = sites[0]!.uuid
  if (options.hasPool ?? true) {
    const pool = { cidr: addresses.provisioning.network, first: '10.77.0.50', last: '10.77.0.99' }
    await api.call('PATCH', `/sites/${site}`, [{ op: 'replace', path: '/pool', value: pool }])
  }
  const hosts: Host[] = []
  const conductors: RackConductor[] = []
  for (const [index, name] of names.entries()) {
    const own = index === 0 ? undefined : addresses.host(index)
    const host = own && (await addHost(name, own))
    if (host) hosts.push(host)
    const conductor = new RackConductor({
      dataDir: join(directory, `conductor-${name}`),
      logFile: join(directory, `conductor-${name}.log`),
      host,
      env: { NODE_EXTRA_CA_CERTS: trusted },
      flags: {
        drivers: 'ipmi',
        'step-priorities': 'clean.deploy.erase_devices=0',
        address: own?.prov ?? addresses.conductor,
        'deploy-kernel': ramdisk.kernel,
        'deploy-ramdisk': ramdisk.initrd,
        'kernel-arguments': KERNEL_ARGUMENTS,
        'log-format': 'text',
        ...flags,
      },
    })
    const { token } = (await api.call('POST', `/sites/${site}/enrol-tokens`, {})) as { token: string }
    await conductor.enrol(door.url, token)
    if (index > 0) await conductor.admitBy(conductors[0]!)
    await conductor.start()
    conductors.push(conductor)
    await haveLease(api, conductors)
  }
  const images = await startImageServer(addresses.conductor)
  return {
    rack,
    cloud,
    api,
    images,
    conductors,
    publish: (name) => images.publish(name, image),
    middle: image.middle,
    logs: () =>
      names.map((name) => {
        const lines = readFileSync(join(directory, `conductor-${name}.log`), 'utf8').split('\n')
        return `--- conductor ${name}\n${lines.slice(-LAST_LOG_LINES).join('\n')}`
      }),
    async close() {
      await Promise.all(conductors.map((conductor) => conductor.end('SIGTERM')))
      await images.close()
      await door.close()
      await cloud.close()
      await rack.down()
      await Promise.all(hosts.map((host) => host.close()))
    },
  }
}

async function haveLease(api: Api, wanted: readonly RackConductor[]): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    const dead = wanted.find(({ exitCode }) => exitCode !== null)
    if (dead) throw new Error(`a conductor ended with ${dead.exitCode}; see its log`)
    const { conductors } = (await api.call('GET', '/conductors')) as { conductors: { alive: boolean }[] }
    if (conductors.filter(({ alive }) => alive).length === wanted.length) return
    await sleep(100)
  }
  throw new Error('a conductor did not connect within 30 s; see its log')
}
