// Everything that booting machines and their agents meet at this host: the boot services and the agent API, started as one.
import { access } from 'node:fs/promises'
import { isIPv6 } from 'node:net'
import { join } from 'node:path'
import { startAgentApi } from '../agents/agent-api.ts'
import type { Agents } from '../agents/agents.ts'
import { BootIsos } from '../boot/boot-iso.ts'
import { externalUrl } from '../boot/external-url.ts'
import type { Resident } from '../boot/residents.ts'
import { RamdiskLayers } from '../boot/layers.ts'
import { BootServices } from '../boot/services.ts'
import type { StageEvent } from '../boot/timeline.ts'
import type { Config } from '../config.ts'
import type { StoredSite } from '../identity.ts'
import type { Log } from '../log.ts'
import type { SiteBoot } from '../site.ts'
import { BootFiles } from '../deploy/boot-files.ts'
import { FetchNetworks } from '../deploy/fetch-networks.ts'
import { certificateDigest, issueServer } from './site-ca.ts'

export interface RunningSiteBoot {
  readonly site: SiteBoot
  close(): Promise<void>
}

/** Rejects, with nothing left open, with a text that says what to configure. */
export async function startSiteBoot(
  config: Config,
  stored: StoredSite | undefined,
  agents: Agents,
  log: Log,
  onStage: (event: StageEvent) => void,
  resident?: (mac: string) => Resident | undefined,
): Promise<RunningSiteBoot> {
  const { address } = config
  if (address === undefined)
    throw new Error('boot services need "address": this host\'s address on the provisioning network')
  if (stored?.ca === undefined) {
    throw new Error(
      'this conductor has no site CA yet: run "ferrule-conductor receive", or set "boot" to false until then',
    )
  }
  for (const file of [config.deployKernel, config.deployRamdisk]) {
    await access(file).catch(() => {
      throw new Error(`the deploy ramdisk is not there: ${file} cannot be read`)
    })
  }
  const own = await issueServer(stored.ca, [address], new Date())
  const api = await startAgentApi({
    agents,
    log,
    chain: own.certificate,
    key: own.privateKey,
    ca: stored.ca.certificate,
    port: config.agentApiPort,
    now: () => performance.now(),
  })
  const door = new BootServices({ onStage, log, ...(resident && { resident }) })
  try {
    await door.start({
      address,
      ...(config.httpBootListen !== undefined && { httpListen: config.httpBootListen }),
      mode: config.bootMode,
      ports: {
        dhcp: config.dhcpPort,
        proxyDhcp: config.proxyDhcpPort,
        tftp: config.tftpPort,
        http: config.httpBootPort,
      },
      loaders: {
        'undionly.kpxe': config.loaderBios,
        'snponly.efi': config.loaderUefi,
        ...(config.loaderGrub !== undefined && { 'grubx64.efi': config.loaderGrub }),
        ...(config.loaderPxelinux !== undefined && { 'pxelinux.0': config.loaderPxelinux }),
        ...(config.loaderLdlinux !== undefined && { 'ldlinux.c32': config.loaderLdlinux }),
      },
    })
  } catch (error) {
    await api.close()
    throw error
  }
  const kept = (name: string) => ({
    folder: join(config.dataDir, name),
    maxBytes: config.bootCacheGiB * 2 ** 30,
    isServed: (path: string) => door.isServed(path),
  })
  const host = isIPv6(address) ? `[${address}]` : address
  return {
    site: {
      door,
      givesAddresses: config.bootMode === 'reservations',
      ramdisk: { kernel: config.deployKernel, initrd: config.deployRamdisk },
      files: new BootFiles({
        ...kept('boot-files'),
        fileFolders: config.fileUrlFolders,
        networks: new FetchNetworks(config.fetchNetworks),
      }),
      layers: new RamdiskLayers({
        folder: config.ramdiskLayers,
        serve: (path) => door.serveFile(path),
        withdraw: (url) => door.withdrawFile(url),
      }),
      isos: new BootIsos(kept('boot-isos')),
      httpUrlFor: (bmcHost) => externalUrl(config.externalHttpUrls, bmcHost) ?? door.origin,
      kernelArguments: config.kernelArguments,
      agentApiUrl: `https://${host}:${api.port}`,
      httpUrl: door.origin,
      caPem: stored.ca.certificate,
      caSha256: certificateDigest(stored.ca.certificate),
    },
    async close() {
      await Promise.all([door.close(), api.close()])
    },
  }
}
