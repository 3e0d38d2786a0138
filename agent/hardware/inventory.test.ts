import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { inventorySchema } from '../../shared/agent-protocol.ts'
import { listBlockDevices, splitWwid } from '../disk/block-devices.ts'
import { parseKernelParameters } from '../kernel-parameters.ts'
import { temporaryFolder } from '../testing.ts'
import { readInventory } from './inventory.ts'
import { readNumaTopology } from './numa-topology.ts'
import { listPciDevices } from './pci-devices.ts'
import { tarEnd, tarFile } from './tar.ts'

const vpd80 = Buffer.concat([Buffer.from([0, 0x80, 0, 12]), Buffer.from('  WD-ABC1234')])
/** A machine's /sys and /proc as files; values get their newline. */
const tree: Record<string, string | Buffer> = {
  'sys/devices/pci0000:00/0000:00:1f.2/ata3/host2/target2:0:0/2:0:0:0/block/sda/size': '7814037168',
  'sys/devices/pci0000:00/0000:00:1f.2/ata3/host2/target2:0:0/2:0:0:0/block/sda/queue/rotational': '1',
  'sys/devices/pci0000:00/0000:00:1f.2/ata3/host2/target2:0:0/2:0:0:0/block/sda/queue/logical_block_size': '512',
  'sys/devices/pci0000:00/0000:00:1f.2/ata3/host2/target2:0:0/2:0:0:0/block/sda/queue/physical_block_size': '4096',
  'sys/devices/pci0000:00/0000:00:1f.2/ata3/host2/target2:0:0/2:0:0:0/block/sda/queue/write_zeroes_max_bytes': '0',
  'sys/devices/pci0000:00/0000:00:1f.2/ata3/host2/target2:0:0/2:0:0:0/block/sda/ro': '0',
  'sys/devices/pci0000:00/0000:00:1f.2/ata3/host2/target2:0:0/2:0:0:0/block/sda/removable': '0',
  'sys/devices/pci0000:00/0000:00:1f.2/ata3/host2/target2:0:0/2:0:0:0/model': 'WDC WD4000     ',
  'sys/devices/pci0000:00/0000:00:1f.2/ata3/host2/target2:0:0/2:0:0:0/vendor': 'ATA     ',
  'sys/devices/pci0000:00/0000:00:1f.2/ata3/host2/target2:0:0/2:0:0:0/wwid': 'naa.50014ee2b5e7a1c0',
  'sys/devices/pci0000:00/0000:00:1f.2/ata3/host2/target2:0:0/2:0:0:0/vpd_pg80': vpd80,
  'sys/devices/pci0000:00/0000:00:1d.0/0000:3b:00.0/nvme/nvme0/nvme0n1/size': '3750748848',
  'sys/devices/pci0000:00/0000:00:1d.0/0000:3b:00.0/nvme/nvme0/nvme0n1/wwid': 'eui.0025385581b0a1f2',
  'sys/devices/pci0000:00/0000:00:1d.0/0000:3b:00.0/nvme/nvme0/nvme0n1/queue/write_zeroes_max_bytes': '2097152',
  'sys/devices/pci0000:00/0000:00:1d.0/0000:3b:00.0/nvme/nvme0/model': 'SAMSUNG MZ',
  'sys/devices/pci0000:00/0000:00:1d.0/0000:3b:00.0/nvme/nvme0/serial': 'S4YPNF0',
  'sys/devices/virtual/block/loop0/size': '1000',
  'sys/devices/empty/block/sdb/size': '0',
  'sys/devices/pci0000:00/0000:01:00.0/net/eth0/address': '52:54:00:AA:00:01',
  'sys/devices/pci0000:00/0000:01:00.0/net/eth0/carrier': '1',
  'sys/devices/pci0000:00/0000:01:00.0/net/eth0/speed': '25000',
  'sys/devices/pci0000:00/0000:01:00.0/vendor': '0x15b3',
  'sys/devices/virtual/net/lo/address': '00:00:00:00:00:00',
  'sys/devices/pci0000:00/0000:01:00.0/device': '0x1017',
  'sys/devices/pci0000:00/0000:01:00.0/class': '0x020000',
  'sys/devices/pci0000:00/0000:01:00.0/revision': '0x1a',
  'sys/devices/pci0000:00/0000:01:00.0/numa_node': '1',
  'sys/devices/system/node/node0/meminfo': 'Node 0 MemTotal:       8000000 kB\nNode 0 MemFree: 1 kB',
  'sys/devices/system/node/node0/cpu0/topology/core_id': '0',
  'sys/devices/system/node/node0/cpu1/topology/core_id': '1',
  'sys/devices/system/node/node0/cpu10/topology/core_id': '0',
  'sys/class/dmi/id/sys_vendor': 'ACME',
  'sys/class/dmi/id/bios_version': '1.2',
  'sys/firmware/efi/fw_platform_size': '64',
  'proc/meminfo': 'MemTotal:       16000000 kB\nMemAvailable:   15000000 kB',
  'proc/cpuinfo':
    'processor\t: 0\nmodel name\t: Fast CPU\nphysical id\t: 0\nflags\t: a b\n\nprocessor\t: 1\nphysical id\t: 1',
  'proc/cmdline': 'quiet BOOTIF=01-52-54-00-aa-00-01 ipa-api-url=http://x',
}
const links: Record<string, string> = {
  'sys/block/sda': '../devices/pci0000:00/0000:00:1f.2/ata3/host2/target2:0:0/2:0:0:0/block/sda',
  'sys/block/nvme0n1': '../devices/pci0000:00/0000:00:1d.0/0000:3b:00.0/nvme/nvme0/nvme0n1',
  'sys/block/loop0': '../devices/virtual/block/loop0',
  'sys/block/sdb': '../devices/empty/block/sdb',
  'sys/devices/pci0000:00/0000:00:1f.2/ata3/host2/target2:0:0/2:0:0:0/block/sda/device': '../../../2:0:0:0',
  'sys/devices/pci0000:00/0000:00:1d.0/0000:3b:00.0/nvme/nvme0/nvme0n1/device': '../../nvme0',
  'sys/devices/pci0000:00/0000:01:00.0/net/eth0/device': '../../../0000:01:00.0',
  'sys/class/net/eth0': '../../devices/pci0000:00/0000:01:00.0/net/eth0',
  'sys/bus/pci/devices/0000:01:00.0': '../../../devices/pci0000:00/0000:01:00.0',
  'sys/class/net/lo': '../../devices/virtual/net/lo',
}

async function plant(root: string) {
  for (const [path, content] of Object.entries(tree)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), typeof content === 'string' ? `${content}\n` : content)
  }
  for (const [path, target] of Object.entries(links)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await symlink(target, join(root, path))
  }
}

describe('inventory', () => {
  it('has PCI devices and NUMA topology as Ironic’s collectors have them', async () => {
    await using folder = await temporaryFolder()
    await plant(folder.path)
    const device = { vendor_id: '15b3', product_id: '1017', class: '020000', revision: '1a' }
    expect(await listPciDevices(folder.path)).toEqual([{ bus: '0000:01:00.0', ...device }])
    expect(await readNumaTopology(folder.path)).toEqual({
      ram: [{ numa_node: 0, size_kb: 8_000_000 }],
      cpus: [
        { cpu: 0, numa_node: 0, thread_siblings: [0, 10] },
        { cpu: 1, numa_node: 0, thread_siblings: [1] },
      ],
      nics: [{ name: 'eth0', numa_node: 1 }],
    })
  })

  it('is what /sys and /proc say, in the words of Ironic', async () => {
    await using folder = await temporaryFolder()
    await plant(folder.path)
    const inventory = inventorySchema.parse(await readInventory(folder.path, await listBlockDevices(folder.path)))
    expect(inventory.disks).toMatchObject([
      {
        name: join(folder.path, 'dev/nvme0n1'),
        size: 3750748848 * 512,
        rotational: false,
        model: 'SAMSUNG MZ',
        serial: 'S4YPNF0',
        wwn: 'eui.0025385581b0a1f2',
        tran: 'nvme',
        by_path: '/dev/disk/by-path/pci-0000:3b:00.0-nvme-1',
        hctl: null,
      },
      {
        name: join(folder.path, 'dev/sda'),
        size: 7814037168 * 512,
        rotational: true,
        model: 'WDC WD4000',
        vendor: 'ATA',
        serial: 'WD-ABC1234',
        wwn: '0x50014ee2b5e7a1c0',
        wwn_vendor_extension: null,
        hctl: '2:0:0:0',
        tran: 'sata',
        by_path: '/dev/disk/by-path/pci-0000:00:1f.2-ata-3',
        logical_sectors: 512,
        physical_sectors: 4096,
      },
    ])
    expect(inventory.interfaces).toMatchObject([
      {
        name: 'eth0',
        mac_address: '52:54:00:aa:00:01',
        has_carrier: true,
        speed_mbps: 25000,
        vendor: '0x15b3',
        pci_address: '0000:01:00.0',
      },
    ])
    expect(inventory.cpu).toMatchObject({ model_name: 'Fast CPU', count: 2, socket_count: 2, flags: ['a', 'b'] })
    expect(inventory.memory).toEqual({ total: 16_384_000_000, physical_mb: 15_625 })
    expect(inventory.system_vendor).toMatchObject({
      manufacturer: 'ACME',
      product_name: null,
      firmware: { version: '1.2' },
    })
    expect(inventory.boot).toEqual({ current_boot_mode: 'uefi', pxe_interface: '52:54:00:aa:00:01' })
  })

  it('of a machine that says nothing is still an inventory', async () => {
    expect(inventorySchema.parse(await readInventory('/nonexistent', [])).disks).toEqual([])
  })

  it('only disks that can zero by themselves say so', async () => {
    await using folder = await temporaryFolder()
    await plant(folder.path)
    expect((await listBlockDevices(folder.path)).map(({ name, canZero }) => [name, canZero])).toEqual([
      ['nvme0n1', true],
      ['sda', false],
    ])
  })
})

describe('by_path', () => {
  it.each([
    [
      'a SCSI disk, whose host is not the first of the machine',
      '0000:00:04.0/virtio1/host7/target7:0:2/7:0:2:1',
      'scsi-0:0:2:1',
      {},
    ],
    [
      'the second host of a controller',
      '0000:00:05.0/host9/target9:0:0/9:0:0:0',
      'scsi-1:0:0:0',
      { '0000:00:05.0/host8/x': '' },
    ],
    [
      'a SATA disk',
      '0000:00:1f.2/ata5/host4/target4:0:0/4:0:0:0',
      'ata-3',
      { '0000:00:1f.2/ata5/ata_port/ata5/port_no': '3' },
    ],
  ])('of %s counts from its controller', async (_what, place, expected, more: Record<string, string>) => {
    await using folder = await temporaryFolder()
    const pci = join(folder.path, 'sys/devices/pci0000:00')
    for (const [path, text] of Object.entries({ ...more, [`${place}/block/sda/size`]: '8' })) {
      await mkdir(dirname(join(pci, path)), { recursive: true })
      await writeFile(join(pci, path), text)
    }
    const disk = `${place}/block/sda`
    await symlink(join(pci, place), join(pci, disk, 'device'))
    await mkdir(join(folder.path, 'sys/block'))
    await symlink(join(pci, disk), join(folder.path, 'sys/block/sda'))
    const [found] = await listBlockDevices(folder.path)
    expect(found?.byPath).toBe(`/dev/disk/by-path/pci-${place.slice(0, 12)}-${expected}`)
  })
})

describe('WWIDs', () => {
  it('are split as udev splits them', () => {
    expect(splitWwid('naa.600508b1001c7e0e9c2b8f1d3a4b5c6d')).toEqual({
      wwn: '0x600508b1001c7e0e',
      wwnWithExtension: '0x600508b1001c7e0e9c2b8f1d3a4b5c6d',
      wwnVendorExtension: '0x9c2b8f1d3a4b5c6d',
    })
    expect(splitWwid('t10.ATA QEMU').wwn).toBeNull()
    expect(splitWwid(null).wwn).toBeNull()
  })
})

describe('kernel parameters', () => {
  const digest = 'ab'.repeat(32)
  it('are read as the boot loader wrote them', () => {
    const line = `BOOT_IMAGE=/k ro ipa-api-url=https://10.0.0.1:6384/v1/,https://[fd00::1]:6384 ferrule.ca=sha256:${digest.toUpperCase()} ferrule.node=u ipa-agent-token=tok BOOTIF=52:54:00:AA:00:01 ipa-listen-port=99999 x="a b=c"\n`
    expect(parseKernelParameters(line)).toEqual({
      apiUrls: ['https://10.0.0.1:6384', 'https://[fd00::1]:6384'],
      caDigest: digest,
      nodeUuid: 'u',
      agentToken: 'tok',
      bootMac: '52:54:00:aa:00:01',
      listenPort: 9999,
      lookupTimeoutMs: 600_000,
    })
    expect(parseKernelParameters('').apiUrls).toEqual([])
    expect(parseKernelParameters('ferrule.image-stall=90 ferrule.image-tries=3')).toMatchObject({
      imageStallMs: 90_000,
      imageTries: 3,
    })
    const wrong = parseKernelParameters('ferrule.image-stall=0 ferrule.image-tries=many')
    expect([wrong.imageStallMs, wrong.imageTries]).toEqual([undefined, undefined])
  })
  it('that would weaken the pin are an error instead of being ignored', () => {
    for (const pin of ['sha256:12', 'sha1:ab', digest, ''])
      expect(() => parseKernelParameters(`ferrule.ca=${pin}`)).toThrow('ferrule.ca')
    for (const url of ['ftp://x', 'x', 'file:///x'])
      expect(() => parseKernelParameters(`ipa-api-url=${url}`)).toThrow('ipa-api-url')
  })
})

describe('tar', () => {
  it('has headers that add up', () => {
    const bytes = Buffer.concat([tarFile('a.log', Buffer.from('hello')), tarEnd])
    expect(bytes.length).toBe(512 + 512 + 1024)
    const sum = bytes.subarray(0, 512).reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0)
    expect(parseInt(bytes.toString('latin1', 148, 154), 8)).toBe(sum)
  })
})
