// What the drivers of a conductor may use of its site (site.ts), put together from its configuration.
import { join } from 'node:path'
import type { Env } from '../../shared/env.ts'
import type { Agents } from '../agents/agents.ts'
import type { Config } from '../config.ts'
import type { Consoles } from './consoles.ts'
import { runsIn } from '../deploy/ansible/run-folder.ts'
import { DeployLogs } from '../deploy/deploy-logs.ts'
import { FetchNetworks } from '../deploy/fetch-networks.ts'
import { ImageCache } from '../deploy/image-cache.ts'
import { Turns } from '../deploy/turns.ts'
import { type Identity, siteKeyOf, type StoredSite } from '../identity.ts'
import { inspectionSettings } from '../inspection/settings.ts'
import type { KeptBlobs } from './kept-blobs.ts'
import { OpenStack } from '../openstack/client.ts'
import { readOpenStackConfig } from '../openstack/config.ts'
import type { Screens } from '../screens/door.ts'
import { sealing, type Site } from '../site.ts'
import type { RunningSiteBoot } from './site-boot.ts'

export interface SiteParts {
  readonly env: Env
  readonly config: Config
  readonly identity: Identity
  readonly stored: StoredSite | undefined
  readonly agents: Agents
  readonly drives: KeptBlobs
  readonly boot: RunningSiteBoot | undefined
  readonly resource: Site['resource']
  /** They need the site themselves, and are there when a driver asks for them. */
  consoles(): Consoles
  screens(): Screens
}

/** Rejects where a file that the configuration names is not there, or wrong. */
export async function makeSite(parts: SiteParts): Promise<{ readonly site: Site; close(): Promise<void> }> {
  const { env, config, identity, stored, agents, drives, boot, resource, consoles, screens } = parts
  const { openstackFile } = config
  const openstack =
    openstackFile === undefined ? undefined : new OpenStack(env, await readOpenStackConfig(openstackFile))
  const images = join(config.dataDir, 'images')
  const site: Site = {
    id: identity.site,
    organisation: identity.organisation,
    ...sealing(identity.organisation, identity.site, siteKeyOf(stored)),
    blob: drives.read,
    agents,
    boot: boot?.site,
    writes: {
      images: new ImageCache({
        folder: images,
        maxBytes: config.imageCacheGiB * 2 ** 30,
        networks: new FetchNetworks(config.fetchNetworks),
      }),
      turns: new Turns(config.iscsiWrites),
      folder: images,
    },
    openstack,
    deployLogs: new DeployLogs({
      folder: config.deployLogsFolder ?? join(config.dataDir, 'deploy-logs'),
      collect: config.deployLogsCollect,
      maxBytes: config.deployLogsMiB * 2 ** 20,
      maxFiles: config.deployLogsFiles,
    }),
    inspection: inspectionSettings(config),
    ansible: {
      playbooks: config.ansiblePlaybooks,
      runs: runsIn(config.dataDir),
      path: process.env['PATH'] ?? '',
    },
    consoles: {
      start: (node, port, letIn) => consoles().start(node, port, letIn),
      stop: (node) => consoles().stop(node),
      urlOf: (node) => consoles().urlOf(node),
    },
    screens: {
      start: (node) => screens().start(node),
      stop: (node) => screens().stop(node),
      tell: (node) => screens().tell(node),
    },
    resource,
  }
  return { site, close: async () => await openstack?.close() }
}
