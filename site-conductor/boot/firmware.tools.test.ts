// Real DHCP clients and a real network ROM against the boot services, on a rack of namespaces: no root, nothing left behind.
import { describe, expect, it } from 'vitest'
import { RACK } from './testdata/rack.ts'
import { runRack, stagesOf } from './testdata/run-rack.ts'

describe('on a real network', () => {
  it('busybox udhcpc gets the address of its ticket', async () => {
    const report = await runRack({ client: 'udhcpc', mode: 'reservations', known: true, until: {}, timeoutMs: 15_000 })
    expect(report.end).toBe('client exit 0')
    const bound = `bound ip=${RACK.client} mask=24 router=${RACK.server} dns=10.77.0.53`
    expect(report.serial).toContain(bound)
    expect(stagesOf(report)).toEqual(['dhcp-offer', 'dhcp-ack'])
  })

  it('busybox udhcpc without a ticket gets nothing', async () => {
    const report = await runRack({ client: 'udhcpc', mode: 'reservations', known: false, until: {}, timeoutMs: 15_000 })
    expect(report.end).toBe('client exit 1')
    expect(report.stages).toEqual([])
  })

  it('the iPXE ROM of a BIOS machine loads its script, kernel and ramdisk', async () => {
    const order = {
      client: 'bios-ipxe',
      mode: 'reservations',
      known: true,
      until: { stage: 'ramdisk' },
      timeoutMs: 50_000,
    } as const
    const report = await runRack(order)
    expect(stagesOf(report)).toEqual(['dhcp-offer', 'dhcp-ack', 'ipxe-script', 'kernel', 'ramdisk'])
    expect(report.serial).toContain('Ferrule: loading the deploy ramdisk, attempt 1')
    expect(report.stages.filter(({ warning }) => warning)).toEqual([])
  })
})
