// Real UEFI firmware, which takes its time: PXE and HTTP boot with our own addresses, and HTTP boot beside another DHCP server.
import { describe, expect, it } from 'vitest'
import { runRack, stagesOf } from './testdata/run-rack.ts'
import type { RackClient } from './testdata/rack.ts'

const FIRMWARE: [RackClient, string[]][] = [
  ['bios-ipxe', ['ipxe-script', 'kernel', 'ramdisk']],
  ['uefi-pxe', ['tftp', 'ipxe-script', 'kernel', 'ramdisk']],
  ['uefi-http', ['http-loader', 'ipxe-script', 'kernel', 'ramdisk']],
]

describe('firmware of virtual machines', () => {
  it.each(FIRMWARE)('%s boots with an address of ours', async (client, loads) => {
    const order = {
      client,
      mode: 'reservations',
      known: true,
      until: { stage: 'ramdisk' },
      timeoutMs: 120_000,
    } as const
    const report = await runRack(order)
    expect(stagesOf(report)).toEqual(['dhcp-offer', 'dhcp-ack', ...loads])
  })

  it.each([
    ['uefi-pxe', 'tftp'],
    ['uefi-http', 'http-loader'],
  ] as const)('%s boots what its instance is, from where its operator has it', async (client, loader) => {
    const until = { serial: 'initialising devices' }
    const report = await runRack({ client, mode: 'reservations', known: 'resident', until, timeoutMs: 120_000 })
    expect([report.end, report.loaded]).toEqual(['serial', ['/vmlinuz', '/initrd']])
    expect(stagesOf(report)).toEqual(['dhcp-offer', 'dhcp-ack', loader, 'ipxe-script'])
  })

  it('uefi-http boots with an address of somebody else’s server (proxyDHCP)', async () => {
    const order = {
      client: 'uefi-http',
      mode: 'proxy',
      known: true,
      until: { stage: 'ramdisk' },
      timeoutMs: 120_000,
    } as const
    const report = await runRack(order)
    expect(stagesOf(report).filter((stage) => !stage.startsWith('dhcp'))).toEqual([
      'http-loader',
      'ipxe-script',
      'kernel',
      'ramdisk',
    ])
    expect(report.stages.filter(({ stage }) => stage === 'stalled')).toEqual([])
  })
})
