import { expect, test } from 'vitest'
import type { BootDevice } from './chassis.ts'
import { qemuArguments } from './qemu.ts'
import type { MachinePlaces, MachineSpec } from './qemu.ts'

const places: MachinePlaces = {
  uuid: '77000000-0000-4000-8000-525400770001',
  serial: 'RACK0001',
  mac: '52:54:00:77:00:01',
  tap: 'machine1',
  disks: ['/d/disk0.raw', '/d/disk1.raw'],
  consoleLog: '/d/console.log',
  consolePort: 18100,
  inBandPort: 18600,
  ovmf: { code: '/ovmf/code.fd', variables: '/d/variables.fd' },
}
const spec: MachineSpec = { name: 'm1', firmware: 'bios', disks: [{ sizeGiB: 1 }, { sizeGiB: 1, bus: 'nvme' }] }
const build = (changes: Partial<MachineSpec> = {}, order: BootDevice[] = ['disk', 'net']) =>
  qemuArguments({ ...spec, ...changes }, places, order).join(' ')

test('a reset ends qemu and software emulation is spelled out', () => {
  expect(build()).toContain('-action reboot=shutdown')
  expect(build()).toContain('-accel tcg,thread=multi')
})

test('the boot order becomes bootindex, for all disks in their order', () => {
  const disksFirst = build()
  expect(disksFirst).toMatch(/virtio-blk-pci,drive=disk0,[^ ]*bootindex=0/)
  expect(disksFirst).toMatch(/nvme,drive=disk1,[^ ]*bootindex=1/)
  expect(disksFirst).toMatch(/virtio-net-pci,[^ ]*bootindex=10/)
  const netFirst = build({}, ['net', 'disk'])
  expect(netFirst).toMatch(/virtio-net-pci,[^ ]*bootindex=0/)
  expect(netFirst).toMatch(/disk0,[^ ]*bootindex=10/)
})

test('a device outside the order is not booted from', () => {
  expect(build({}, ['disk'])).not.toMatch(/virtio-net-pci[^ ]*bootindex/)
  expect(build({ networkBoot: 'none' }, ['net', 'disk'])).toMatch(/virtio-net-pci,[^ ]*romfile= /)
})

test('only UEFI machines have flash, and native network boot has no ROM', () => {
  expect(build()).not.toContain('pflash')
  expect(build({ firmware: 'uefi' })).toContain('if=pflash,format=raw,file=/d/variables.fd')
  const native = build({ firmware: 'uefi', networkBoot: 'firmware' })
  expect(native).toMatch(/virtio-net-pci,[^ ]*romfile=/)
  expect(native).toContain('IPv6PXESupport,string=n')
  expect(native).not.toContain('IPv4PXESupport')
  expect(build({ firmware: 'uefi', networkBoot: 'http' })).toContain('IPv4PXESupport,string=n')
})

test('disks carry the serial numbers that a guest reports', () => {
  expect(build()).toContain('serial=RACK0001-D0')
  expect(
    build({
      disks: [
        { sizeGiB: 1, bus: 'scsi' },
        { sizeGiB: 1, bus: 'sata' },
      ],
    }),
  ).toMatch(/scsi-hd,bus=scsi0\.0,drive=disk0[^]*ide-hd,bus=ide\.1,drive=disk1/)
})

test('a disk with a bad sector fails writes there, and no other disk does', () => {
  const line = build({ disks: [{ sizeGiB: 1, badByte: 1_048_576 }, { sizeGiB: 1 }] })
  expect(line).toMatch(/file\.image\.filename=\/d\/disk0\.raw,[^ ]*inject-error\.0\.sector=2048,format=raw/)
  expect(line).toContain('-drive file=/d/disk1.raw,')
})

test('what the specification adds comes last', () => {
  expect(build({ extra: ['-device', 'pvpanic-pci'] })).toMatch(/-device pvpanic-pci$/)
})
