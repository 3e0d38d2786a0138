// The qemu command line of one machine. Pure: everything that differs between two starts is an argument.
import type { BootDevice } from './chassis.ts'

export type DiskBus = 'virtio' | 'scsi' | 'nvme' | 'sata'

/** One disk. `sizeGiB` is virtual: the file is sparse. */
export interface DiskSpec {
  readonly sizeGiB: number
  /** Default `virtio`. Debian's cloud kernel has no driver for `sata` (ahci). */
  readonly bus?: DiskBus
  /** Writes to the sector at this byte fail with an I/O error, until the disk is replaced (Machine.replaceDisks). */
  readonly badByte?: number
}

export interface MachineSpec {
  readonly name: string
  readonly firmware: 'bios' | 'uefi'
  /** Default 1024. */
  readonly memoryMiB?: number
  /** Default one CPU. */
  readonly cpus?: number
  readonly disks?: readonly DiskSpec[]
  /** A qemu network device. Default `virtio-net-pci`. */
  readonly nic?: string
  /** `ipxe` (default): the NIC's own ROM. `firmware`: UEFI's native PXE, then HTTP boot. `http`: UEFI's HTTP boot. `none`: no network boot. */
  readonly networkBoot?: 'ipxe' | 'firmware' | 'http' | 'none'
  /** What the firmware tries when the BMC asks for nothing. Default: disk, then net, as servers are delivered. */
  readonly bootOrder?: readonly BootDevice[]
  /** An ISO 9660 file in a CD drive. */
  readonly cdrom?: string
  /** The management controller in front of it. Default `ipmi_sim`; `none` leaves only this process in control. */
  readonly bmc?: 'ipmi_sim' | 'pyghmi' | 'none'
  /** More qemu arguments, last. */
  readonly extra?: readonly string[]
}

/**
 * A kernel tests its timer against the processor's speed, and panics ("IO-APIC + timer doesn't work!") where a busy host holds up an emulated
 * one; under KVM it leaves that out by itself.
 */
export const KERNEL_ARGUMENTS = 'console=ttyS0,115200 no_timer_check'

/** Where the parts of one machine live. Ports are TCP on the loopback of the rack's network namespace. */
export interface MachinePlaces {
  readonly uuid: string
  readonly serial: string
  readonly mac: string
  readonly tap: string
  readonly disks: readonly string[]
  readonly consoleLog: string
  readonly consolePort: number
  /** Where an ipmi_sim listens for the in-band (KCS) interface; null without one. */
  readonly inBandPort: number | null
  readonly ovmf: { readonly code: string; readonly variables: string }
}

// The serial number that udev and the agent's root device hints see.
export const diskSerial = (machineSerial: string, index: number) => `${machineSerial}-D${index}`

/** Arguments for qemu-system-x86_64. `order` becomes bootindex, so that BIOS and UEFI obey it alike. */
export function qemuArguments(spec: MachineSpec, places: MachinePlaces, order: readonly BootDevice[]): string[] {
  const bootindex = (device: BootDevice, unit = 0) => {
    const place = order.indexOf(device)
    return place < 0 ? '' : `,bootindex=${place * 10 + unit}`
  }
  const system = `manufacturer=Ferrule,product=VirtualRack,serial=${places.serial},uuid=${places.uuid}`
  const options: Options = [
    ['-name', spec.name],
    ['-uuid', places.uuid],
    ['-smbios', `type=1,${system}`],
    // graphics=off sends SeaBIOS and iPXE to the serial port.
    ['-machine', 'q35,graphics=off'],
    ['-accel', 'tcg,thread=multi'],
    ['-cpu', 'max'],
    ['-smp', String(spec.cpus ?? 1)],
    ['-m', String(spec.memoryMiB ?? 1024)],
    ['-rtc', 'base=utc'],
    ['-display', 'none'],
    ['-vga', 'none'],
    ['-qmp', 'stdio'],
    // A reset ends qemu: its owner starts it again with the boot order of that moment.
    ['-action', 'reboot=shutdown'],
    ['-object', 'rng-random,id=entropy,filename=/dev/urandom'],
    ['-device', 'virtio-rng-pci,rng=entropy'],
    ...serialConsole(places),
    ...firmware(spec, places),
    ...network(spec, places, spec.networkBoot === 'none' ? '' : bootindex('net')),
    ...places.disks.flatMap((path, unit) => disk(spec, places, path, unit, bootindex('disk', unit))),
    ...(spec.cdrom === undefined ? [] : cdrom(spec.cdrom, bootindex('cdrom'))),
    ...inBand(places),
  ]
  return ['-nodefaults', '-no-user-config', ...options.flat(), ...(spec.extra ?? [])]
}

type Options = readonly (readonly [option: string, value: string])[]

function serialConsole({ consoleLog, consolePort }: MachinePlaces): Options {
  const socket = `socket,id=console,host=127.0.0.1,port=${consolePort},server=on,wait=off`
  return [
    ['-chardev', `${socket},logfile=${consoleLog},logappend=on`],
    ['-serial', 'chardev:console'],
  ]
}

function firmware(spec: MachineSpec, { ovmf }: MachinePlaces): Options {
  if (spec.firmware === 'bios') return []
  const flash: Options = [
    ['-drive', `if=pflash,format=raw,readonly=on,file=${ovmf.code}`],
    ['-drive', `if=pflash,format=raw,file=${ovmf.variables}`],
  ]
  const off = spec.networkBoot === 'firmware' ? ['IPv6'] : spec.networkBoot === 'http' ? ['IPv4', 'IPv6'] : []
  return [...flash, ...off.map((ip) => ['-fw_cfg', `name=opt/org.tianocore/${ip}PXESupport,string=n`] as const)]
}

function network({ nic, networkBoot }: MachineSpec, { tap, mac }: MachinePlaces, bootindex: string): Options {
  const rom = (networkBoot ?? 'ipxe') === 'ipxe' ? '' : ',romfile='
  return [
    ['-netdev', `tap,id=prov,ifname=${tap},script=no,downscript=no`],
    ['-device', `${nic ?? 'virtio-net-pci'},netdev=prov,mac=${mac}${rom}${bootindex}`],
  ]
}

function disk(spec: MachineSpec, places: MachinePlaces, path: string, unit: number, bootindex: string): Options {
  const id = `disk${unit}`
  // cache=unsafe: guest flushes end in the host's page cache, which survives a killed qemu and that is all we need.
  const file = `${backing(path, spec.disks?.[unit])},format=raw,if=none,id=${id},cache=unsafe,discard=unmap,detect-zeroes=unmap`
  const device = `drive=${id},serial=${diskSerial(places.serial, unit)}${bootindex}`
  const attach: Record<DiskBus, Options> = {
    virtio: [['-device', `virtio-blk-pci,${device}`]],
    nvme: [['-device', `nvme,${device}`]],
    sata: [['-device', `ide-hd,bus=ide.${unit},${device}`]],
    scsi: [
      ['-device', `virtio-scsi-pci,id=scsi${unit}`],
      ['-device', `scsi-hd,bus=scsi${unit}.0,${device}`],
    ],
  }
  return [['-drive', file], ...attach[spec.disks?.[unit]?.bus ?? 'virtio']]
}

// qemu's blkdebug (docs/devel/testing/blkdebug.rst) in front of the file: what touches the sector fails, whatever wrote it.
function backing(path: string, { badByte }: Partial<DiskSpec> = {}): string {
  if (badByte === undefined) return `file=${path}`
  const EIO = 5
  const rule = { event: 'none', iotype: 'write', errno: EIO, sector: Math.floor(badByte / 512) }
  const rules = Object.entries(rule).map(([name, value]) => `file.inject-error.0.${name}=${value}`)
  return ['file.driver=blkdebug', 'file.image.driver=file', `file.image.filename=${path}`, ...rules].join(',')
}

function cdrom(path: string, bootindex: string): Options {
  return [
    ['-drive', `file=${path},format=raw,if=none,id=cdrom,media=cdrom,readonly=on`],
    ['-device', 'virtio-scsi-pci,id=cdbus'],
    ['-device', `scsi-cd,drive=cdrom,bus=cdbus.0${bootindex}`],
  ]
}

// A KCS interface in the guest, answered by the same BMC that the network sees: ipmitool works in-band.
function inBand({ inBandPort }: MachinePlaces): Options {
  if (inBandPort === null) return []
  return [
    ['-chardev', `socket,id=kcs,host=127.0.0.1,port=${inBandPort},reconnect=1`],
    ['-device', 'ipmi-bmc-extern,id=bmc,chardev=kcs'],
    ['-device', 'isa-ipmi-kcs,bmc=bmc'],
  ]
}
