// What a DHCP server that is not ours has to tell a machine so that it boots from here, by the numbers of options (RFC 2132, 5859) and in dnsmasq's words where
// it has to tell an iPXE from other firmware, as Ironic asks Neutron for it. One set a boot: such a server does not know the firmware, the node's record does.
import { bootFileFor, type BootSite } from './decide.ts'
import type { BootTicket } from './ticket.ts'
import type { ClientKind } from '../dhcp/client-kind.ts'

export interface DhcpOption {
  /** A number, or `tag:ipxe,` and `tag:!ipxe,` before it: only for an iPXE, only for others. */
  readonly name: string
  readonly value: string
}

export interface Firmware {
  readonly mode: 'bios' | 'uefi'
  /** Ironic's properties.cpu_arch. */
  readonly cpuArch: unknown
}

const BOOT_FILE = '67'
const TFTP_SERVER = '66'
const TFTP_ADDRESS = '150'
/** dnsmasq's number for siaddr, the header's next server. */
const NEXT_SERVER = '255'
const VENDOR_CLASS = '60'

export function optionsFor(ticket: BootTicket, { mode, cpuArch }: Firmware, site: BootSite): DhcpOption[] {
  const cpu = mode === 'bios' ? 'x86' : cpuArch === 'aarch64' ? 'arm64' : 'x64'
  const fileFor = (kind: 'pxe' | 'http' | 'ipxe') =>
    bootFileFor(ticket, { kind, firmware: mode, cpu } as ClientKind, site)
  const [script, byTftp, byHttp] = [fileFor('ipxe'), fileFor('pxe'), fileFor('http')]
  const first = byTftp ?? byHttp
  if (first === undefined) return []
  const isScript = script !== undefined && 'url' in script
  const file = { name: isScript ? `tag:!ipxe,${BOOT_FILE}` : BOOT_FILE, value: 'url' in first ? first.url : first.name }
  const chained = isScript ? [{ name: `tag:ipxe,${BOOT_FILE}`, value: script.url }] : []
  if ('url' in first) return [file, ...chained, { name: VENDOR_CLASS, value: 'HTTPClient' }]
  const servers = [TFTP_SERVER, TFTP_ADDRESS, NEXT_SERVER].map((name) => ({ name, value: first.tftpServer }))
  return [file, ...chained, ...servers]
}
