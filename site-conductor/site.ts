// What a driver may use of its site: sealing, the boot services, the agents that are expected, and what it keeps open between steps.
import { FaultError } from '../shared/faults.ts'
import { open, seal, type SealedFor } from '../shared/sealing.ts'
import type { Agents } from './agents/agents.ts'
import type { BootIsos } from './boot/boot-iso.ts'
import type { RamdiskLayers } from './boot/layers.ts'
import type { DhcpOption, Firmware } from './boot/other-dhcp.ts'
import type { BootTicket, InstanceBoot } from './boot/ticket.ts'
import type { BootFiles } from './deploy/boot-files.ts'
import type { DeployLogs } from './deploy/deploy-logs.ts'
import type { ConsoleDoor } from './site/consoles.ts'
import type { ImageCache } from './deploy/image-cache.ts'
import type { ScreenDoor } from './screens/door.ts'
import type { Turns } from './deploy/turns.ts'
import type { OpenStack } from './openstack/client.ts'
import type { InspectionSettings } from './inspection/settings.ts'

/** Lets a node boot: BootServices of site-conductor/boot. */
export interface BootDoor {
  admit(ticket: BootTicket): void
  /** A machine that boots what its instance is. */
  admitInstance(ticket: Omit<BootTicket, 'token' | 'ramdisk'> & { instance: InstanceBoot }): void
  /** What a DHCP server that is not this conductor's is to tell the machine that was let in. */
  dhcpOptions(node: string, firmware: Firmware): DhcpOption[]
  /** Unknown nodes are fine. */
  withdraw(node: string): void
  /** Serves a file by HTTP, on the node's timeline, until it is withdrawn: where it was `earlier`, if that was here, else at a new unguessable URL. */
  serveFile(path: string, forNode: { node: string }, earlier?: string): string
  /** Unknown URLs are fine. */
  withdrawFile(url: string): void
}

/** How machines boot here and where their agents call. */
export interface SiteBoot {
  readonly door: BootDoor
  /** Does this conductor give nodes their addresses? Not where another DHCP server does (proxy mode). */
  readonly givesAddresses?: boolean
  /** Absolute paths of the deploy ramdisk's kernel and initrd. */
  readonly ramdisk: { readonly kernel: string; readonly initrd: string }
  /** What nodes name themselves instead. */
  readonly files: Pick<BootFiles, 'get'>
  /** What agents fetch for steps that need it. */
  readonly layers?: Pick<RamdiskLayers, 'get'>
  /** Volumes that boot a ramdisk from a drive. */
  readonly isos: Pick<BootIsos, 'get'>
  /** Where a BMC at this address, or of this name, finds what is served over HTTP; without a slash at its end. */
  httpUrlFor(bmcHost: string): string
  /** More arguments for its kernel, such as console=ttyS0. */
  readonly kernelArguments: string
  readonly agentApiUrl: string
  /** Where machines find what is served over HTTP; without a slash at its end. */
  readonly httpUrl: string
  /** PEM of the site CA's certificate. */
  readonly caPem: string
  /** SHA-256 (hex) of the site CA certificate (DER). */
  readonly caSha256: string
}

/** What a conductor that writes images to machines' disks itself needs (deploy interface iscsi). */
export interface SiteWrites {
  readonly images: ImageCache
  /** So many writes at once. */
  readonly turns: Turns
  /** Private to this process's user; for what must not be seen by others. */
  readonly folder: string
}

/** What a conductor that runs playbooks needs (deploy interface ansible). */
export interface SiteAnsible {
  /** Folders whose playbooks nodes may name, the default first; without any, the conductor's own. */
  readonly playbooks: readonly string[]
  /** Private to this process's user; for what a run must have as a file. */
  readonly runs: string
  /** PATH of the programs. */
  readonly path: string
}

export interface Site {
  readonly id: string
  readonly organisation: string
  /** Seals a secret for task.context. */
  seal(node: string, field: string, plain: string): Promise<string>
  /** Opens a sealed value; a fault says what to do when this conductor has no site key. */
  open(node: string, field: string, sealed: string): Promise<string>
  /** Fetches what the cloud keeps for this site outside of frames (a config drive, sealed). A fault when it cannot be had. */
  blob(key: string): Promise<string>
  readonly agents: Agents
  /** Undefined where boot services are switched off. */
  readonly boot?: SiteBoot | undefined
  /** Undefined where images are only written by agents. */
  readonly writes?: SiteWrites
  /** Undefined where no `openstackFile` is configured. */
  readonly openstack?: OpenStack | undefined
  /** Undefined where none are kept. */
  readonly deployLogs?: DeployLogs | undefined
  /** What is made of inspections; as the configuration has it by default where absent. */
  readonly inspection?: InspectionSettings
  /** Undefined where no playbooks are run. */
  readonly ansible?: SiteAnsible
  /** Where consoles of machines are to be had. */
  readonly consoles?: ConsoleDoor
  /** The same of those that are screens. */
  readonly screens?: ScreenDoor
  /** The one `make()` of this conductor, made at first use and closed when the conductor ends: a driver's connections. */
  resource<T extends Closable>(make: () => T): T
}

export interface Closable {
  close(): Promise<void>
}

export interface SiteKey {
  readonly publicKey: string
  /** Missing at a conductor that nobody has admitted yet. */
  readonly privateKey?: string
}

export function sealing(organisation: string, site: string, key: SiteKey | undefined): Pick<Site, 'seal' | 'open'> {
  const to = (node: string, field: string): SealedFor => ({ organisation, site, node, field })
  return {
    async seal(node, field, plain) {
      if (key === undefined) throw new FaultError('site.no_key', 'this site has no key yet')
      return await seal(key.publicKey, to(node, field), plain)
    },
    async open(node, field, sealed) {
      if (key?.privateKey === undefined) {
        throw new FaultError('site.no_key', `${field} is sealed and this conductor does not have the site key`, {
          hint: 'on a conductor that has it run "ferrule-conductor admit", then "ferrule-conductor receive" here',
        })
      }
      try {
        return await open(key.privateKey, to(node, field), sealed)
      } catch (cause) {
        throw new FaultError('driver.invalid_info', `${field} cannot be opened with the key of this site`, {
          cause,
          hint: `set ${field} again, so that it is sealed to this site`,
        })
      }
    },
  }
}

export function resources(): { resource: Site['resource']; close(): Promise<void> } {
  const made = new Map<() => Closable, Closable>()
  return {
    resource<T extends Closable>(make: () => T): T {
      const known = made.get(make) as T | undefined
      if (known !== undefined) return known
      const fresh = make()
      made.set(make, fresh)
      return fresh
    },
    async close() {
      const all = [...made.values()]
      made.clear()
      await Promise.all(all.map((each) => each.close()))
    },
  }
}
