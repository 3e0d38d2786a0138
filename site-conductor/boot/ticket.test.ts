import { describe, expect, it } from 'vitest'
import { TicketError, checkTicket } from './ticket.ts'
import { ticket } from './testdata/tickets.ts'
import type { BootTicket } from './ticket.ts'

describe('boot ticket', () => {
  it('comes back with its MACs in one notation', () => {
    expect(checkTicket(ticket({ macs: ['52-54-00-AA-BB-CC'] })).macs).toEqual(['52:54:00:aa:bb:cc'])
  })

  it.each<[string, Partial<BootTicket>]>([
    ['node', { node: '' }],
    ['token', { token: 'short' }],
    ['token', { token: 'x'.repeat(65) }],
    ['token', { token: 'has/a/slash/and/is/long/enough' }],
    ['token', { token: '../../../../../../etc/passwd' }],
    ['macs', { macs: [] }],
    ['macs', { macs: ['not a mac'] }],
    ['address', { address: { ip: '10.0.0.256', prefixLength: 24 } }],
    ['address', { address: { ip: '10.0.0.1', prefixLength: 33 } }],
    ['address', { address: { ip: '10.0.0.1', prefixLength: 24, router: 'gateway' } }],
    ['address', { address: { ip: '10.0.0.1', prefixLength: 24, dns: ['::1'] } }],
    ['ramdisk', { ramdisk: { kernel: 'relative', initrd: '/i', kernelArguments: '' } }],
    ['ramdisk.kernelArguments', { ramdisk: { kernel: '/k', initrd: '/i', kernelArguments: 'a\nb' } }],
  ])('names the field that is wrong: %s in %j', (field, change) => {
    const check = (): unknown => checkTicket(ticket(change))
    expect(check).toThrow(TicketError)
    expect(check).toThrow(new RegExp(`^${field}`))
  })
})
