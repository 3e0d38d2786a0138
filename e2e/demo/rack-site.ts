// Inside the rack's namespaces: a whole site, with machines that are off, their BMCs, our cloud and our conductor.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, createWriteStream, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { endProcess } from '../../lab/end-process.ts'
import { KERNEL_ARGUMENTS, type MachineSpec } from '../../lab/qemu.ts'
import { Rack } from '../../lab/rack.ts'
import { HttpBootServer, type HttpTransfer } from '../../site-conductor/http-boot/server.ts'
import { Api } from '../../sim/api.ts'
import { startSimCloud } from '../../sim/cloud.ts'
import { startWorkerdCloud } from '../../sim/workerd-cloud.ts'

export interface RackSiteOptions {
  readonly machines: readonly MachineSpec[]
  /** Files that were built outside: a rack has no internet. */
  readonly ramdisk: { readonly kernel: string; readonly initrd: string }
  /** Flags of the conductor for network loaders, beside those that it has anyway: for machines with boot interface `pxe`. */
  readonly loaders?: Readonly<Record<`loader-${string}`, string>> | undefined
  /** Served at `imageUrl`. */
  readonly image: string
  /** Where console, logs and databases go. */
  readonly directory: string
  readonly print: (line: string) => void
  /** Where the cloud runs: in this process (default), or in workerd as it is hosted, on an sqld. */
  readonly cloud?: 'node' | 'workerd' | undefined
  /** Sees each transfer of the image as it goes. */
  readonly onImage?: (transfer: HttpTransfer) => void
}

export interface RackSite {
  readonly rack: Rack
  readonly api: Api
  readonly imageUrl: string
  close(): Promise<void>
}

/** Resolves when the conductor holds a lease. */
export async function startRackSite({
  machines,
  ramdisk,
  loaders,
  image,
  directory,
  print,
  cloud: host = 'node',
  onImage,
}: RackSiteOptions): Promise<RackSite> {
  mkdirSync(directory, { recursive: true })
  const rack = await Rack.up({ machines })
  for (const [index, { name, bmc }] of rack.machines.entries())
    print(
      `${name} is a ${machines[index]?.firmware.toUpperCase()} machine, its BMC (OpenIPMI ipmi_sim) at ${bmc.address}`,
    )

  const log = join(directory, 'cloud.log')
  const place = { dataDir: join(directory, 'cloud'), onLog: (line: string) => appendFileSync(log, `${line}\n`) }
  const cloud = await (host === 'workerd' ? startWorkerdCloud(place) : startSimCloud({ ...place, as: 'inside' }))
  print(`cloud is up${host === 'workerd' ? ' in workerd' : ''}: ${cloud.url}`)
  const api = new Api(cloud.url, cloud.token)
  const { sites } = (await api.call('GET', '/sites')) as { sites: { uuid: string }[] }
  const site = sites[0]!.uuid
  const [network] = rack.provisioning.network.split('.0/')
  const pool = { cidr: rack.provisioning.network, first: `${network}.50`, last: `${network}.99` }
  await api.call('PATCH', `/sites/${site}`, [{ op: 'replace', path: '/pool', value: pool }])
  const { token } = (await api.call('POST', `/sites/${site}/enrol-tokens`, {})) as { token: string }
  const conductor = await startConductor(directory, cloud.url, token, rack.conductorAddress, {
    'deploy-kernel': ramdisk.kernel,
    'deploy-ramdisk': ramdisk.initrd,
    ...loaders,
  })
  await waitForConductor(api, conductor)
  print('conductor is up: enrolled, dialled out, holds a lease')

  const images = new HttpBootServer({
    address: rack.conductorAddress,
    port: 8080,
    ...(onImage && { onProgress: onImage }),
  })
  await images.start()
  images.publish('/image', { kind: 'file', path: image, contentType: 'application/octet-stream' })
  return {
    rack,
    api,
    imageUrl: `${images.origin}/image`,
    async close() {
      await endProcess(conductor, 'SIGTERM')
      await images.close()
      await cloud.close()
      await rack.down()
    },
  }
}

/** The conductor as a site admin runs it: the command line, a token on standard input. */
async function startConductor(
  directory: string,
  url: string,
  token: string,
  address: string,
  files: Readonly<Record<string, string>>,
): Promise<ChildProcess> {
  const main = join(import.meta.dirname, '../../site-conductor/main.ts')
  const dataDir = join(directory, 'conductor')
  const log = createWriteStream(join(directory, 'conductor.log'))
  await once(log, 'open')
  const enroll = spawn(process.execPath, [main, 'enroll', '--url', url, '--token-file', '-', '--data', dataDir], {
    stdio: ['pipe', log, log],
  })
  enroll.stdin!.end(`${token}\n`)
  const [code] = (await once(enroll, 'exit')) as [number | null]
  if (code !== 0) throw new Error(`the conductor could not enrol (exit code ${code}); see ${directory}/conductor.log`)
  const flags = {
    'data-dir': dataDir,
    drivers: 'ipmi',
    'step-priorities': 'clean.deploy.erase_devices=0',
    address,
    ...files,
    'kernel-arguments': KERNEL_ARGUMENTS,
    'log-format': 'text',
  }
  return spawn(process.execPath, [main, 'run', ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`)], {
    stdio: ['ignore', log, log],
  })
}

async function waitForConductor(api: Api, conductor: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 150; attempt++) {
    if (conductor.exitCode !== null)
      throw new Error(`the conductor ended with exit code ${conductor.exitCode}; see its log`)
    const { conductors } = (await api.call('GET', '/conductors')) as { conductors: { alive: boolean }[] }
    if (conductors.some(({ alive }) => alive)) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('the conductor did not connect within 15 s; see its log')
}
