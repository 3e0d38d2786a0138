// Real firmware as it was captured, and what each file's clients are.
import { join } from 'node:path'
import { readPcap } from './pcap.ts'
import type { ClientKind } from '../client-kind.ts'

export const CAPTURES: readonly { file: string; clients: ClientKind[] }[] = [
  {
    file: 'ipxe-1.21-bios-virtio-rom.dnsmasq-2.90.pcap',
    clients: [{ kind: 'ipxe', firmware: 'bios', cpu: 'x86' }],
  },
  {
    file: 'ipxe-1.21-efi-virtio-rom.dnsmasq-2.90.pcap',
    clients: [{ kind: 'ipxe', firmware: 'uefi', cpu: 'x64' }],
  },
  {
    file: 'ovmf-2022.11-http-then-ipxe.dnsmasq-2.90.pcap',
    clients: [
      { kind: 'http', firmware: 'uefi', cpu: 'x64' },
      { kind: 'ipxe', firmware: 'uefi', cpu: 'x64' },
    ],
  },
  {
    file: 'ovmf-2022.11-pxe-then-ipxe.dnsmasq-2.90.pcap',
    clients: [
      { kind: 'pxe', firmware: 'uefi', cpu: 'x64' },
      { kind: 'ipxe', firmware: 'uefi', cpu: 'x64' },
    ],
  },
]

/** The DHCP payloads of a capture: from clients (port 68) and from the server. */
export function dhcpPayloads(file: string): { fromClient: Buffer[]; fromServer: Buffer[] } {
  const frames = readPcap(join(import.meta.dirname, file))
  const to = (port: number): Buffer[] => frames.filter((frame) => frame.to.port === port).map(({ payload }) => payload)
  return { fromClient: to(67), fromServer: to(68) }
}
