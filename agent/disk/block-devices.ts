// The disks of a machine, read from /sys/block without udev. Facts are named as root device hints name them.
import { readFile, readdir, readlink, realpath } from 'node:fs/promises'
import { basename, join } from 'node:path'

/** A whole disk. Sizes in bytes; `null` is "the kernel does not say". */
export interface BlockDevice {
  /** Kernel name (`sda`, `nvme0n1`) and the path of its node. */
  name: string
  path: string
  sizeBytes: number
  logicalSectorBytes: number
  physicalSectorBytes: number
  rotational: boolean
  readOnly: boolean
  removable: boolean
  model: string | null
  vendor: string | null
  serial: string | null
  wwn: string | null
  wwnWithExtension: string | null
  wwnVendorExtension: string | null
  hctl: string | null
  byPath: string | null
  tran: string | null
  /** Whether the device can make zeros by itself (queue/write_zeroes_max_bytes > 0). */
  canZero: boolean
}

/** Never a place for an operating system: RAM disks, loops, floppies, optical drives, device-mapper and network block devices. */
const notDisks = /^(?:ram|loop|fd|sr|dm-|zram|nbd|mtdblock)/

async function fact(folder: string, name: string): Promise<string | null> {
  const text = await readFile(join(folder, name), 'latin1').catch(() => '')
  // Vital product data carries a binary header and padding.
  const clean = text
    .replaceAll(/[^\x20-\x7e]/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim()
  return clean === '' ? null : clean
}

/** Splits a WWID as udev does: `naa.6…` (16 bytes) has a vendor extension, `naa.5…` and `eui.…` have none. */
export function splitWwid(wwid: string | null): Pick<BlockDevice, 'wwn' | 'wwnWithExtension' | 'wwnVendorExtension'> {
  const none = { wwn: null, wwnWithExtension: null, wwnVendorExtension: null }
  if (wwid === null) return none
  if (wwid.startsWith('eui.') || wwid.startsWith('nvme.') || wwid.startsWith('uuid.')) {
    return { wwn: wwid, wwnWithExtension: wwid, wwnVendorExtension: null }
  }
  const hex = /^naa\.([0-9a-f]{16})([0-9a-f]{16})?$/i.exec(wwid)
  if (!hex?.[1]) return none
  const wwn = `0x${hex[1].toLowerCase()}`
  if (!hex[2]) return { wwn, wwnWithExtension: wwn, wwnVendorExtension: null }
  const extension = hex[2].toLowerCase()
  return { wwn, wwnWithExtension: wwn + extension, wwnVendorExtension: `0x${extension}` }
}

/** How the disk is attached, from its place in the device tree. */
function transport(devicePath: string, name: string, hasSasAddress: boolean): string | null {
  if (name.startsWith('nvme')) return 'nvme'
  if (name.startsWith('mmcblk')) return 'mmc'
  if (/\/usb\d+\//.test(devicePath)) return 'usb'
  if (/\/ata\d+\//.test(devicePath)) return 'sata'
  if (/\/session\d+\//.test(devicePath)) return 'iscsi'
  if (/\/rport-/.test(devicePath)) return 'fc'
  if (hasSasAddress || /\/end_device-/.test(devicePath)) return 'sas'
  if (/\/virtio\d+\//.test(devicePath)) return 'virtio'
  return null
}

/**
 * The name udev's path_id would give in /dev/disk/by-path, for the buses where it is only an address. Numbers that the kernel counts over the whole
 * machine (hosts, ATA ports) are counted from the controller's own first one, so that they do not depend on who was found earlier.
 */
async function byPath(devicePath: string, name: string, hctl: string | null): Promise<string | null> {
  const pci = [...devicePath.matchAll(/\/([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])(?=\/)/g)].at(-1)?.[1]
  if (pci === undefined) return null
  const prefix = `/dev/disk/by-path/pci-${pci}`
  const namespace = /^nvme\d+n(\d+)$/.exec(name)?.[1]
  if (namespace !== undefined) return `${prefix}-nvme-${namespace}`
  const [, ataPath, ata] = /^(.*\/ata(\d+))\//.exec(devicePath) ?? []
  if (ataPath !== undefined) return `${prefix}-ata-${(await fact(`${ataPath}/ata_port/ata${ata}`, 'port_no')) ?? ata}`
  const [, controller, host] = /^(.*)\/host(\d+)\//.exec(devicePath) ?? []
  if (hctl === null || controller === undefined) return prefix
  const siblings = (await readdir(controller)).flatMap((entry) => /^host(\d+)$/.exec(entry)?.[1] ?? [])
  const ownHost = Number(host) - Math.min(...siblings.map(Number))
  return `${prefix}-scsi-${hctl.replace(/^\d+/, String(ownHost))}`
}

/** Which block device a kernel name is; null when its size is 0 or it cannot be read. `root` stands for `/`. */
async function readDevice(root: string, name: string): Promise<BlockDevice | null> {
  const folder = join(root, 'sys/block', name)
  const get = (file: string) => fact(folder, file)
  const sizeBytes = Number((await get('size')) ?? 0) * 512
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes <= 0) return null
  const devicePath = `${await realpath(folder).catch(() => folder)}/`
  const link = await readlink(join(folder, 'device')).catch(() => '')
  const hctl = /^\d+:\d+:\d+:\d+$/.test(basename(link)) ? basename(link) : null
  const wwid = (await get('wwid')) ?? (await get('device/wwid'))
  const sasAddress = await get('device/sas_address')
  return {
    name,
    path: join(root, 'dev', name.replaceAll('!', '/')),
    sizeBytes,
    logicalSectorBytes: Number((await get('queue/logical_block_size')) ?? 512),
    physicalSectorBytes: Number((await get('queue/physical_block_size')) ?? 512),
    rotational: (await get('queue/rotational')) === '1',
    readOnly: (await get('ro')) === '1',
    removable: (await get('removable')) === '1',
    model: await get('device/model'),
    vendor: await get('device/vendor').then((vendor) => (vendor?.startsWith('0x') ? null : vendor)),
    serial: (await get('serial')) ?? (await get('device/serial')) ?? (await vitalSerial(folder)),
    ...splitWwid(wwid),
    hctl,
    byPath: await byPath(devicePath, name, hctl),
    tran: transport(devicePath, name, sasAddress !== null),
    canZero: Number((await get('queue/write_zeroes_max_bytes')) ?? 0) > 0,
  }
}

/** SCSI vital product data page 0x80 (SPC-4 §7.8.14): four bytes of header, then the serial number. */
async function vitalSerial(folder: string): Promise<string | null> {
  const page = await readFile(join(folder, 'device/vpd_pg80')).catch(() => Buffer.alloc(0))
  const serial = page.subarray(4, 4 + (page.length >= 4 ? page.readUInt16BE(2) : 0)).toString('latin1')
  return serial.replaceAll(/[^\x20-\x7e]/g, '').trim() || null
}

/** All disks, hidden NVMe paths left out, ordered by name as people count (sda2 before sda10). */
export async function listBlockDevices(root: string): Promise<BlockDevice[]> {
  const names = await readdir(join(root, 'sys/block')).catch(() => [] as string[])
  const wanted = names.filter(
    (name) => !notDisks.test(name) && !/^nvme\d+c\d+n\d+$/.test(name) && !/boot\d$/.test(name),
  )
  const devices = await Promise.all(wanted.map((name) => readDevice(root, name)))
  return devices
    .filter((device) => device !== null)
    .sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
}
