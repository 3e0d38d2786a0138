// Real firmware beside another DHCP server. (With addresses of ours it boots in every deployment on the rack; all of it is in firmware.long.test.ts.)
import { describe, expect, it } from 'vitest'
import { runRack, stagesOf } from './testdata/run-rack.ts'
import type { RackClient } from './testdata/rack.ts'

const FIRMWARE: [RackClient, string[]][] = [
  ['bios-ipxe', ['ipxe-script', 'kernel', 'ramdisk']],
  ['uefi-pxe', ['tftp', 'ipxe-script', 'kernel', 'ramdisk']],
]

describe('firmware of virtual machines', () => {
  it.each(FIRMWARE)('%s boots with an address of somebody else’s server (proxyDHCP)', async (client, loads) => {
    const order = { client, mode: 'proxy', known: true, until: { stage: 'ramdisk' }, timeoutMs: 120_000 } as const
    const report = await runRack(order)
    expect(stagesOf(report).filter((stage) => !stage.startsWith('dhcp'))).toEqual(loads)
    expect(stagesOf(report)).toContain('dhcp-offer')
    expect(report.stages.filter(({ stage }) => stage === 'stalled')).toEqual([])
  })

  it('bios-ipxe boots what its instance is, from where its operator has it', async () => {
    const until = { serial: 'initialising devices' }
    const report = await runRack({
      client: 'bios-ipxe',
      mode: 'reservations',
      known: 'resident',
      until,
      timeoutMs: 120_000,
    })
    expect([report.end, report.loaded]).toEqual(['serial', ['/vmlinuz', '/initrd']])
    expect(stagesOf(report)).toEqual(['dhcp-offer', 'dhcp-ack', 'ipxe-script'])
  })
})
