// The inventory: what this machine is made of, read from /proc and /sys only (no dmidecode, no udev, no BMC). Unknown is null.
import { readFile, readlink } from 'node:fs/promises'
import { arch, hostname, networkInterfaces } from 'node:os'
import { basename, join } from 'node:path'
import type { Inventory, InventoryDisk } from '../../shared/agent-protocol.ts'
import type { BlockDevice } from '../disk/block-devices.ts'
import { parseKernelParameters } from '../kernel-parameters.ts'
import { listNics } from './nics.ts'

const text = async (...path: string[]) => {
  const value = (await readFile(join(...path), 'utf8').catch(() => '')).trim()
  return value === '' ? null : value.slice(0, 512)
}

function toInventoryDisk(device: BlockDevice): InventoryDisk {
  return {
    name: device.path,
    model: device.model,
    size: device.sizeBytes,
    rotational: device.rotational,
    wwn: device.wwn,
    serial: device.serial,
    vendor: device.vendor,
    wwn_with_extension: device.wwnWithExtension,
    wwn_vendor_extension: device.wwnVendorExtension,
    hctl: device.hctl,
    by_path: device.byPath,
    logical_sectors: device.logicalSectorBytes,
    physical_sectors: device.physicalSectorBytes,
    tran: device.tran,
  }
}

async function readCpu(root: string): Promise<Inventory['cpu']> {
  const cpuinfo = await readFile(join(root, 'proc/cpuinfo'), 'utf8').catch(() => '')
  const field = (name: string) => new RegExp(`^${name}\\s*:\\s*(.+)$`, 'm').exec(cpuinfo)?.[1]?.trim() ?? null
  const sockets = new Set([...cpuinfo.matchAll(/^physical id\s*:\s*(\d+)/gm)].map((match) => match[1]))
  const maxKhz = await text(root, 'sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq')
  return {
    model_name: field('model name'),
    frequency: maxKhz ? String(Number(maxKhz) / 1000) : field('cpu MHz'),
    count: [...cpuinfo.matchAll(/^processor\s*:/gm)].length,
    architecture: arch() === 'x64' ? 'x86_64' : arch() === 'arm64' ? 'aarch64' : arch(),
    flags: (field('flags') ?? field('Features') ?? '').split(/\s+/).filter(Boolean).slice(0, 1024),
    socket_count: sockets.size || null,
  }
}

async function readNics(root: string): Promise<Inventory['interfaces']> {
  const addresses = root === '/' ? networkInterfaces() : {}
  const nics = await listNics(root)
  return Promise.all(
    nics.map(async (nic) => {
      const folder = join(root, 'sys/class/net', nic.name)
      const speed = Number(await text(folder, 'speed'))
      const of = (family: string) => addresses[nic.name]?.find((address) => address.family === family)?.address ?? null
      const device = await readlink(join(folder, 'device')).catch(() => '')
      const driver = await readlink(join(folder, 'device/driver')).catch(() => '')
      return {
        name: nic.name,
        mac_address: nic.mac,
        ipv4_address: of('IPv4'),
        ipv6_address: of('IPv6'),
        has_carrier: nic.hasCarrier,
        vendor: await text(folder, 'device/vendor'),
        product: await text(folder, 'device/device'),
        speed_mbps: speed > 0 ? speed : null,
        pci_address: /^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/.test(basename(device)) ? basename(device) : null,
        driver: driver ? basename(driver) : null,
      }
    }),
  )
}

/** `root` stands for `/`. */
export async function readInventory(root: string, disks: BlockDevice[]): Promise<Inventory> {
  const dmi = (name: string) => text(root, 'sys/class/dmi/id', name)
  const meminfo = await readFile(join(root, 'proc/meminfo'), 'utf8').catch(() => '')
  const total = Number(/^MemTotal:\s+(\d+) kB/m.exec(meminfo)?.[1] ?? 0) * 1024
  const parameters = parseKernelParameters(await readFile(join(root, 'proc/cmdline'), 'utf8').catch(() => ''))
  const uefi = (await readFile(join(root, 'sys/firmware/efi/fw_platform_size')).catch(() => null)) !== null
  return {
    interfaces: await readNics(root),
    cpu: await readCpu(root),
    disks: disks.map(toInventoryDisk),
    // physical_mb counts what the kernel manages; firmware keeps a little more for itself.
    memory: { total, physical_mb: Math.floor(total / 1024 ** 2) },
    bmc_address: null,
    bmc_v6address: null,
    bmc_mac: null,
    system_vendor: {
      product_name: await dmi('product_name'),
      serial_number: await dmi('product_serial'),
      manufacturer: await dmi('sys_vendor'),
      firmware: {
        vendor: await dmi('bios_vendor'),
        version: await dmi('bios_version'),
        build_date: await dmi('bios_date'),
      },
    },
    boot: { current_boot_mode: uefi ? 'uefi' : 'bios', pxe_interface: parameters.bootMac ?? null },
    hostname: hostname().slice(0, 255) || null,
  }
}
