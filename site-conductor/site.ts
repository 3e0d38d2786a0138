// What a driver may use of its site: sealing, the boot services, the agents that are expected.
import { FaultError } from '../shared/faults.ts'
import { open, seal, type SealedFor } from '../shared/sealing.ts'
import type { Agents } from './agents.ts'

/** Lets a node boot: implemented by site-conductor/boot. */
export interface BootDoor {
  admit(ticket: BootTicket): void
  withdraw(node: string): void
}

/** The permission of one node to boot the ramdisk, for one power-on window. */
export interface BootTicket {
  readonly node: string
  readonly macs: readonly string[]
  readonly address: { ip: string; prefixLength: number; router?: string; dns?: string[] } | null
  readonly kernelArgs: readonly string[]
  readonly note: (stage: string, body?: Record<string, unknown>) => void
}

export interface Site {
  readonly id: string
  readonly organisation: string
  /** Seals a secret for task.context. */
  seal(node: string, field: string, plain: string): Promise<string>
  /** Opens a sealed value; a fault says what to do when this conductor has no site key. */
  open(node: string, field: string, sealed: string): Promise<string>
  readonly agents: Agents
  /** Undefined where boot services are switched off. */
  readonly boot?: BootDoor
  /** Where agents find this conductor, and the SHA-256 (hex) of the site's CA certificate (DER). Undefined without agent API. */
  readonly agentApi?: { readonly url: string; readonly caSha256: string }
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
