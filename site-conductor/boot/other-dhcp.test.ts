import { expect, test } from 'vitest'
import type { BootSite } from './decide.ts'
import { type Firmware, optionsFor } from './other-dhcp.ts'
import type { BootTicket } from './ticket.ts'

const token = 't'.repeat(24)
const ramdisk = { kernel: '/k', initrd: '/i', kernelArguments: '' }
const ticket: BootTicket = { node: 'n', macs: ['52:54:00:00:00:01'], token, ramdisk, addressElsewhere: true }
const site: BootSite = {
  mode: 'reservations',
  address: '10.0.0.1',
  origin: 'http://10.0.0.1:8088',
  loaders: new Set(['undionly.kpxe', 'snponly.efi', 'snponly-arm64.efi', 'grubx64.efi']),
}
const BIOS: Firmware = { mode: 'bios', cpuArch: 'x86_64' }
const UEFI: Firmware = { mode: 'uefi', cpuArch: undefined }
const told = (change: Partial<BootTicket>, firmware: Firmware) =>
  optionsFor({ ...ticket, ...change }, firmware, site).map(({ name, value }) => `${name}=${value}`)
const TFTP = ['66=10.0.0.1', '150=10.0.0.1', '255=10.0.0.1']
const SCRIPT = `http://10.0.0.1:8088/${token}/boot.ipxe`

test.for([
  ['iPXE on BIOS', {}, BIOS, [`tag:!ipxe,67=${token}/undionly.kpxe`, `tag:ipxe,67=${SCRIPT}`, ...TFTP]],
  ['iPXE on UEFI', {}, UEFI, [`tag:!ipxe,67=${token}/snponly.efi`, `tag:ipxe,67=${SCRIPT}`, ...TFTP]],
  [
    'iPXE on ARM',
    {},
    { mode: 'uefi', cpuArch: 'aarch64' },
    [`tag:!ipxe,67=${token}/snponly-arm64.efi`, `tag:ipxe,67=${SCRIPT}`, ...TFTP],
  ],
  ['GRUB', { loader: 'pxe' }, UEFI, [`67=${token}/grubx64.efi`, ...TFTP]],
  [
    'iPXE by HTTP boot',
    { loader: 'http-ipxe' },
    UEFI,
    [`tag:!ipxe,67=http://10.0.0.1:8088/${token}/snponly.efi`, `tag:ipxe,67=${SCRIPT}`, '60=HTTPClient'],
  ],
  [
    'a volume by HTTP boot',
    { ramdisk: undefined, loader: 'pxe', medium: { path: '/v', overHttp: true } },
    UEFI,
    [`67=http://10.0.0.1:8088/${token}/boot.iso`, '60=HTTPClient'],
  ],
  ['a volume that the BMC shows', { ramdisk: undefined, medium: { path: '/v' } }, UEFI, []],
] as const)('another DHCP server is told of %s', ([, change, firmware, options]) => {
  expect(told(change as Partial<BootTicket>, firmware)).toEqual(options)
})
