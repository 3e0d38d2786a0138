// Tickets for tests.
import type { BootTicket } from '../ticket.ts'

export const MAC = '52:54:00:77:00:01'

export function ticket(change: Partial<BootTicket> = {}): BootTicket {
  return {
    node: 'node-1',
    macs: [MAC],
    address: { ip: '127.0.0.9', prefixLength: 8, router: '127.0.0.1', dns: ['127.0.0.53'] },
    ramdisk: { kernel: '/srv/kernel', initrd: '/srv/ramdisk', kernelArguments: 'console=ttyS0 quiet' },
    token: 'token-of-twenty-two-or-more',
    ...change,
  }
}

/** The same ticket, but the machine boots from its own disk. */
export function localTicket(): BootTicket {
  const { ramdisk: _, ...rest } = ticket()
  return rest
}
