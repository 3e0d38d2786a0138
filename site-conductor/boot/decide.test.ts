import { describe, expect, it } from 'vitest'
import { decide } from './decide.ts'
import { DEBIAN_LOADERS, loaderFor, readLoaders } from './loaders.ts'
import { localTicket, ticket } from './testdata/tickets.ts'
import { clientKind } from '../dhcp/client-kind.ts'
import type { BootSite } from './decide.ts'
import type { ClientKind } from '../dhcp/client-kind.ts'

const site: BootSite = {
  mode: 'reservations',
  address: '10.77.0.1',
  origin: 'http://10.77.0.1:8088',
  loaders: new Set(['undionly.kpxe', 'snponly.efi']),
}
const { token, address } = ticket()
const pxe = (architecture: number): ClientKind =>
  clientKind({ vendorClass: 'PXEClient', architectures: [architecture] })
const http = (architecture: number): ClientKind =>
  clientKind({ vendorClass: 'HTTPClient', architectures: [architecture] })
const ipxe = clientKind({ vendorClass: 'PXEClient', architectures: [7], userClasses: ['iPXE'] })
const system: ClientKind = { kind: 'other' }

describe('boot decision', () => {
  it.each([
    ['BIOS PXE', pxe(0), { name: `${token}/undionly.kpxe`, tftpServer: '10.77.0.1' }],
    ['UEFI PXE', pxe(7), { name: `${token}/snponly.efi`, tftpServer: '10.77.0.1' }],
    ['UEFI PXE that says 9', pxe(9), { name: `${token}/snponly.efi`, tftpServer: '10.77.0.1' }],
    ['UEFI HTTP', http(16), { url: `http://10.77.0.1:8088/${token}/snponly.efi` }],
    ['iPXE', ipxe, { url: `http://10.77.0.1:8088/${token}/boot.ipxe` }],
  ])('%s gets its boot file', (_name, client, bootFile) => {
    expect(decide(ticket(), client, site)).toEqual({ address, noProxyDhcp: true, bootFile })
  })

  it('goes through GRUB and PXELINUX by TFTP, also from an iPXE ROM, where the ticket says so', () => {
    const both: BootSite = { ...site, loaders: new Set([...site.loaders, 'grubx64.efi', 'pxelinux.0', 'ldlinux.c32']) }
    const asked = [pxe(7), ipxe, pxe(0), http(16)].map((client) => decide(ticket({ loader: 'pxe' }), client, both))
    const file = (name: string) => ({ name: `${token}/${name}`, tftpServer: '10.77.0.1' })
    expect(asked.map((answer) => answer?.bootFile)).toEqual([
      file('grubx64.efi'),
      file('grubx64.efi'),
      file('pxelinux.0'),
      undefined,
    ])
  })

  it('tells nobody but UEFI’s HTTP boot of anything to load, where the ticket says so, and its iPXE then of the script', () => {
    const asked = [http(16), ipxe, pxe(7), pxe(0)].map((client) =>
      decide(ticket({ loader: 'http-ipxe' }), client, site),
    )
    expect(asked.map((answer) => answer?.bootFile)).toEqual([
      { url: `http://10.77.0.1:8088/${token}/snponly.efi` },
      { url: `http://10.77.0.1:8088/${token}/boot.ipxe` },
      undefined,
      undefined,
    ])
  })

  it('tells UEFI’s HTTP boot where a volume is that is meant for it, and of none that a BMC shows', () => {
    const volume = { path: '/iso', patch: { atByte: 0, bytes: Buffer.alloc(0) } }
    const asked = (overHttp: boolean) =>
      [http(16), ipxe, pxe(7), system].map(
        (client) => decide({ ...localTicket(), medium: { ...volume, overHttp } }, client, site)?.bootFile,
      )
    const script = { url: `http://10.77.0.1:8088/${token}/boot.ipxe` }
    expect(asked(true)).toEqual([{ url: `http://10.77.0.1:8088/${token}/boot.iso` }, script, undefined, undefined])
    expect(asked(false)).toEqual([undefined, script, undefined, undefined])
  })

  it('an operating system, and firmware without a loader, gets an address only', () => {
    for (const client of [system, pxe(11), http(19), pxe(6)]) {
      expect(decide(ticket(), client, site)).toEqual({ address, noProxyDhcp: true })
    }
  })

  it('of a machine that boots from its disk has no loader, and a script for iPXE', () => {
    for (const client of [pxe(0), pxe(7), http(16), system]) {
      expect(decide(localTicket(), client, site)).toEqual({ address, noProxyDhcp: true })
    }
    expect(decide(localTicket(), ipxe, site)?.bootFile).toEqual({ url: `http://10.77.0.1:8088/${token}/boot.ipxe` })
  })

  it('beside another DHCP server holds no address, or nothing at all', () => {
    const proxy: BootSite = { ...site, mode: 'proxy' }
    expect(decide(ticket(), pxe(7), proxy)).toEqual({
      bootFile: { name: `${token}/snponly.efi`, tftpServer: '10.77.0.1' },
    })
    expect(decide(ticket(), system, proxy)).toBeNull()
    expect(decide(localTicket(), pxe(7), proxy)).toBeNull()
  })

  it('without an address to give is silence', () => {
    const { address: _, ...without } = ticket()
    expect(decide(without, pxe(7), site)).toBeNull()
  })

  it('is the same however often it is asked', () => {
    expect(decide(ticket(), ipxe, site)).toEqual(decide(ticket(), ipxe, site))
  })
})

describe('loaders', () => {
  it.each([
    [pxe(0), 'undionly.kpxe'],
    [http(15), 'snponly-ia32.efi'],
    [pxe(10), 'snponly-arm32.efi'],
    [pxe(11), 'snponly-arm64.efi'],
    [http(19), 'snponly-arm64.efi'],
    [system, undefined],
  ])('%j loads %s', (client, name) => {
    expect(loaderFor(client)).toBe(name)
  })

  it('are read once, from a path or from memory; one that is missing is an error', async () => {
    const loaders = await readLoaders({ 'undionly.kpxe': Buffer.from('a'), 'snponly.efi': import.meta.filename })
    expect([...loaders.keys()]).toEqual(['undionly.kpxe', 'snponly.efi'])
    await expect(readLoaders({ 'snponly.efi': '/nowhere/snponly.efi' })).rejects.toThrow('ENOENT')
    expect(Object.keys(DEBIAN_LOADERS)).toEqual(['undionly.kpxe', 'snponly.efi'])
  })
})
