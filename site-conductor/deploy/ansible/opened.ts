// What the agent of a machine tells when it has opened its door (ssh.start_server). It is a stranger's word, and goes into Ansible's inventory, into known_hosts and
// into variables that Ansible takes for templates: there it must be nothing but a port, a key and the name of a disk.
import { z } from 'zod'
import { FaultError } from '../../../shared/faults.ts'

const Opened = z.object({
  port: z.int().min(1).max(65_535),
  /** A line of known_hosts, behind its address. */
  host_key: z.string().regex(/^ssh-ed25519 [A-Za-z0-9+/=]+$/),
  /** No letter of it means anything to a shell or to Jinja. */
  root_device: z.string().regex(/^\/[A-Za-z0-9_./:+@-]+$/),
  root_device_bytes: z.int().positive(),
})

const address = z.string().regex(/^[A-Za-z0-9:][A-Za-z0-9.:-]*$/)

export type Opened = z.output<typeof Opened> & { readonly address: string }

/** `url`: where the agent is called. Throws a FaultError. */
export function openedAt(url: string, answer: unknown): Opened {
  const { hostname } = new URL(url)
  const [host, told] = [address.safeParse(hostname.replace(/^\[|\]$/g, '')), Opened.safeParse(answer)]
  if (host.success && told.success) return { ...told.data, address: host.data }
  const what = told.error?.issues[0]?.path.join('.') || 'answer'
  throw new FaultError('agent.command', `the ${told.success ? 'address' : what} of the agent's SSH server is none`, {
    hint: 'the ramdisk of the machine is not to be trusted: see what it has booted',
  })
}
