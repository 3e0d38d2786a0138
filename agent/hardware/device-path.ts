// UEFI device paths as text, as efibootmgr shows them (UEFI 2.10 §10.3, §10.6.1.6). A node: type | subtype | length of all of it, u16 | data
import { CodecError } from '../../shared/codec-error.ts'
import { readGuid } from '../disk/gpt.ts'

const END = 0x7f
const PCI_ROOT = 0x0a0341d0
const PCIE_ROOT = 0x0a0841d0

const hex = (value: number | bigint) => `0x${value.toString(16)}`
const guid = (data: Buffer, at: number) => readGuid(data, at).toLowerCase()
const mac = (data: Buffer) => data.toString('hex', 0, 6)
const ip4 = (data: Buffer, at: number) => [...data.subarray(at, at + 4)].join('.')

interface Kind {
  /** Bytes of its data that must be there. */
  readonly needs: number
  text(data: Buffer): string
}

/** By type and subtype. */
const KINDS: Readonly<Record<string, Kind>> = {
  '1.1': { needs: 2, text: (data) => `Pci(${hex(data[1]!)},${hex(data[0]!)})` },
  '1.4': { needs: 16, text: (data) => `VenHw(${guid(data, 0)}${rest(data, 16)})` },
  '2.1': { needs: 8, text: acpi },
  '3.2': { needs: 4, text: (data) => `SCSI(${data.readUInt16LE(0)},${data.readUInt16LE(2)})` },
  '3.5': { needs: 2, text: (data) => `USB(${data[0]},${data[1]})` },
  '3.10': { needs: 16, text: (data) => `VenMsg(${guid(data, 0)}${rest(data, 16)})` },
  '3.11': { needs: 33, text: (data) => `MAC(${mac(data)},${data[32]})` },
  '3.12': { needs: 8, text: (data) => `IPv4(${ip4(data, 4)},${ip4(data, 0)})` },
  '3.13': { needs: 32, text: (data) => `IPv6(${data.toString('hex', 16, 32)},${data.toString('hex', 0, 16)})` },
  '3.15': {
    needs: 7,
    text: (data) => `UsbClass(${data.toString('hex', 0, 2)},${data.toString('hex', 2, 4)},${data[4]},${data[5]})`,
  },
  '3.18': {
    needs: 6,
    text: (data) => `Sata(${data.readUInt16LE(0)},${data.readUInt16LE(2)},${data.readUInt16LE(4)})`,
  },
  '3.20': { needs: 2, text: (data) => `Vlan(${data.readUInt16LE(0)})` },
  '3.23': { needs: 12, text: (data) => `NVMe(${hex(data.readUInt32LE(0))},${data.toString('hex', 4, 12)})` },
  '3.24': { needs: 0, text: (data) => `Uri(${data.toString('latin1')})` },
  '4.1': { needs: 38, text: hardDrive },
  '4.2': {
    needs: 20,
    text: (data) => `CDROM(${data.readUInt32LE(0)},${hex(data.readBigUInt64LE(4))},${hex(data.readBigUInt64LE(12))})`,
  },
  '4.3': { needs: 16, text: (data) => `VenMedia(${guid(data, 0)}${rest(data, 16)})` },
  '4.4': { needs: 2, text: (data) => `File(${data.toString('utf16le').replace(/\0.*$/s, '')})` },
  '4.6': { needs: 16, text: (data) => `FvFile(${guid(data, 0)})` },
  '4.7': { needs: 16, text: (data) => `FvVol(${guid(data, 0)})` },
  '5.1': {
    needs: 4,
    text: (data) => `BBS(${data.readUInt16LE(0)},${data.toString('latin1', 4).replace(/\0.*$/s, '')})`,
  },
}

/** Nodes with slashes in between; one of a kind that is not known is Path(type,subtype,data). CodecError for what is no device path. */
export function devicePathText(bytes: Buffer): string {
  const nodes: string[] = []
  for (let at = 0; at < bytes.length;) {
    const length = at + 4 <= bytes.length ? bytes.readUInt16LE(at + 2) : 0
    if (length < 4 || at + length > bytes.length) throw new CodecError('device path with a node that does not fit')
    const [type, subtype, data] = [bytes[at]!, bytes[at + 1]!, bytes.subarray(at + 4, at + length)]
    at += length
    if (type === END) break
    const kind = KINDS[`${type}.${subtype}`]
    if (kind === undefined) nodes.push(`Path(${type},${subtype}${rest(data, 0)})`)
    else if (data.length < kind.needs) throw new CodecError(`device path with a short node ${type}.${subtype}`)
    else nodes.push(kind.text(data))
  }
  return nodes.join('/')
}

const rest = (data: Buffer, from: number) => (data.length > from ? `,${data.toString('hex', from)}` : '')

function acpi(data: Buffer): string {
  const [id, uid] = [data.readUInt32LE(0), hex(data.readUInt32LE(4))]
  if (id === PCI_ROOT) return `PciRoot(${uid})`
  return id === PCIE_ROOT ? `PcieRoot(${uid})` : `Acpi(${hex(id)},${uid})`
}

/** §10.3.5.1: partition, first sector, sectors, signature; 1 and 2: what table and what signature it is. */
function hardDrive(data: Buffer): string {
  const [table, signature] = [data[36]!, data[37]!]
  const name = signature === 2 ? guid(data, 20) : hex(data.readUInt32LE(20))
  const place = `${hex(data.readBigUInt64LE(4))},${hex(data.readBigUInt64LE(12))}`
  return `HD(${data.readUInt32LE(0)},${table === 2 ? 'GPT' : 'MBR'},${name},${place})`
}
