import { describe, expect, it } from 'vitest'
import { clientKind } from './client-kind.ts'

const pxe = 'PXEClient:Arch:00007:UNDI:003000'
const http = 'HTTPClient:Arch:00016:UNDI:003000'

describe('client kind', () => {
  it.each([
    [0, 'bios', 'x86'],
    [6, 'uefi', 'ia32'],
    [7, 'uefi', 'x64'],
    [9, 'uefi', 'x64'],
    [10, 'uefi', 'arm32'],
    [11, 'uefi', 'arm64'],
  ])('PXE architecture %d is %s on %s', (number, firmware, cpu) => {
    expect(clientKind({ vendorClass: pxe, architectures: [number] })).toEqual({ kind: 'pxe', firmware, cpu })
  })

  it.each([
    [15, 'ia32'],
    [16, 'x64'],
    [18, 'arm32'],
    [19, 'arm64'],
  ])('HTTP architecture %d is UEFI HTTP boot on %s', (number, cpu) => {
    expect(clientKind({ vendorClass: http, architectures: [number] })).toEqual({ kind: 'http', firmware: 'uefi', cpu })
  })

  it('is iPXE by user class or by option 175, on the firmware it runs on', () => {
    const onBios = { kind: 'ipxe', firmware: 'bios', cpu: 'x86' }
    const bios = { vendorClass: pxe, architectures: [0] }
    expect(clientKind({ ...bios, userClasses: ['iPXE'] })).toEqual(onBios)
    expect(clientKind({ ...bios, ipxe: { http: true } })).toEqual(onBios)
    expect(clientKind({ vendorClass: pxe, architectures: [11], ipxe: { http: true } })).toMatchObject({ cpu: 'arm64' })
  })

  it('of a vendor’s iPXE without HTTP is plain PXE, so that it chain-loads one that can', () => {
    const claims = { vendorClass: pxe, architectures: [7], userClasses: ['iPXE'], ipxe: { http: false } }
    expect(clientKind(claims)).toEqual({ kind: 'pxe', firmware: 'uefi', cpu: 'x64' })
  })

  it('takes the first architecture it knows of several', () => {
    expect(clientKind({ vendorClass: pxe, architectures: [999, 7] })).toMatchObject({ cpu: 'x64' })
  })

  it('of an old ROM without option 93 is BIOS PXE', () => {
    expect(clientKind({ vendorClass: 'PXEClient' })).toEqual({ kind: 'pxe', firmware: 'bios', cpu: 'x86' })
  })

  it('is "other" for operating systems, unknown architectures and HTTP clients with a PXE architecture', () => {
    expect(clientKind({})).toEqual({ kind: 'other' })
    expect(clientKind({ vendorClass: 'udhcp 1.35.0' })).toEqual({ kind: 'other' })
    expect(clientKind({ vendorClass: pxe, architectures: [27] })).toEqual({ kind: 'other' })
    expect(clientKind({ vendorClass: http, architectures: [7] })).toEqual({ kind: 'other' })
  })
})
