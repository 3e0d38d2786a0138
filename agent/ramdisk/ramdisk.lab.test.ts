// The real ramdisk boots in a real (emulated) machine, trusts a conductor it has never seen by the pinned digest only, and deploys; its disks are then
// read by other programs. One boot for all of it; what disks go through in detail is tested in machines that were saved after it (testdata/saved-agent.ts).
import { spawn } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import type http from 'node:http'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { countBoot } from '../../lab/boot-count.ts'
import { inspectionDataSchema, inventorySchema } from '../../shared/agent-protocol.ts'
import { startFakeConductor } from '../fake-conductor.ts'
import { lldpFrame, MIB, noise, serveBytes, serveHttp, sha256, temporaryFolder, testNode } from '../testing.ts'
import { configDrive, partitions, readRange, tool } from '../testdata/host-tools.ts'
import { buildRamdisk } from './build.ts'
import { freePort } from '../../sim/free-port.ts'

const MAC = '52:54:00:12:34:56'
/** Of the NIC at a switch, which says so each second. */
const SWITCHED_MAC = '52:54:00:12:34:57'

/** A switch whose cable is UDP, as QEMU has it: one frame of Ethernet in a datagram. `netdev`: QEMU's end. */
async function startSwitch(): Promise<{ netdev: string; stop(): void }> {
  const [ours, theirs] = [dgram.createSocket('udp4'), dgram.createSocket('udp4')]
  for (const end of [ours, theirs]) {
    end.bind(0, '127.0.0.1')
    await once(end, 'listening')
  }
  const { port } = theirs.address()
  theirs.close()
  const frame = lldpFrame('Gi1/0/7', [[5, Buffer.from('sw1')]])
  const timer = setInterval(() => ours.send(frame, port, '127.0.0.1'), 1000)
  return {
    netdev: `socket,id=cable,udp=127.0.0.1:${ours.address().port},localaddr=127.0.0.1:${port}`,
    stop() {
      clearInterval(timer)
      ours.close()
    },
  }
}

it('boots, is looked up, writes images, tells of it by heartbeat, powers off', { timeout: 360_000 }, async () => {
  await using folder = await temporaryFolder()
  const at = (name: string) => join(folder.path, name)
  const ramdisk = await buildRamdisk({ flavour: 'cloud', log: console.log })

  // A GPT image of 48 MiB: noise, a hole, noise; and the same as a compressed qcow2.
  await writeFile(at('image.raw'), Buffer.concat([noise(20 * MIB), Buffer.alloc(17 * MIB), noise(11 * MIB, 5)]))
  await tool('sgdisk', '--zap-all', '--new=1:2048:+16M', '--change-name=1:root', '--new=2:0:+8M', at('image.raw'))
  await tool(
    'qemu-img',
    'convert',
    '-f',
    'raw',
    '-O',
    'qcow2',
    '-c',
    '-o',
    'compression_type=zstd',
    at('image.raw'),
    at('image.qcow2'),
  )
  const [raw, qcow2] = [await readFile(at('image.raw')), await readFile(at('image.qcow2'))]
  const { volume, text: configdrive } = await configDrive(folder.path)
  await tool('qemu-img', 'create', '-q', '-f', 'qcow2', at('vda.qcow2'), '5G')
  await tool('qemu-img', 'create', '-q', '-f', 'qcow2', at('vdb.qcow2'), '64M')

  const files: Record<string, Buffer> = { '/image.raw': raw, '/image.qcow2': qcow2 }
  const images: http.RequestListener = (request, response) => {
    const bytes = files[request.url ?? '']
    if (bytes) serveBytes(bytes)(request, response)
    else response.writeHead(404).end()
  }
  const conductor = await startFakeConductor({ node: testNode, names: ['10.0.2.2'], fallback: images })
  // As at a site: the API over TLS, images over plain HTTP (the digest protects them); the qcow2 goes over TLS, too.
  await using boot = await serveHttp(images)
  const agentPort = await freePort()
  const neighbour = await startSwitch()
  const parameters = [
    'console=ttyS0',
    `ipa-api-url=https://10.0.2.2:${conductor.port}`,
    `ferrule.ca=sha256:${conductor.ca.digest}`,
    `BOOTIF=01-${MAC.replaceAll(':', '-')}`,
    `ipa-advertise-host=127.0.0.1 ipa-advertise-port=${agentPort}`,
    'ipa-collect-lldp=1 ipa-lldp-timeout=12',
  ]
  const disk = (name: string, serial: string) => [
    '-drive',
    `if=none,id=${serial},file=${at(name)},format=qcow2,discard=unmap`,
    '-device',
    `virtio-blk-pci,drive=${serial},serial=${serial}`,
  ]
  countBoot('ramdisk')
  const machine = spawn('qemu-system-x86_64', [
    ...[
      '-accel',
      'tcg,thread=multi',
      '-m',
      '1024',
      '-display',
      'none',
      '-no-reboot',
      '-serial',
      'stdio',
      '-monitor',
      'none',
    ],
    ...['-nic', `user,model=virtio-net-pci,mac=${MAC},hostfwd=tcp:127.0.0.1:${agentPort}-:9999`],
    ...['-netdev', neighbour.netdev, '-device', `virtio-net-pci,netdev=cable,mac=${SWITCHED_MAC}`],
    ...disk('vda.qcow2', 'ROOT'),
    ...disk('vdb.qcow2', 'SMALL'),
    ...['-kernel', ramdisk.kernel, '-initrd', ramdisk.initrd, '-append', parameters.join(' ')],
  ])
  let serial = ''
  machine.stdout.setEncoding('utf8').on('data', (text: string) => {
    serial += text
  })
  machine.stderr.setEncoding('utf8').on('data', (text: string) => {
    serial += text
  })
  const ended = new Promise<void>((resolve) => machine.once('close', () => resolve()))
  const died = ended.then(() => {
    throw new Error(`the machine ended:\n${serial}`)
  })
  died.catch(() => {})

  const small = { ...testNode, instance_info: { root_device: { serial: 's== small' } } }
  const source = (path: string, format: string, digest: string) => ({
    id: path,
    urls: [
      `${format === 'raw' ? boot.url.replace('127.0.0.1', '10.0.2.2') : `https://10.0.2.2:${conductor.port}`}${path}`,
    ],
    disk_format: format,
    os_hash_algo: 'sha256',
    os_hash_value: digest,
  })
  const step = (name: string, args: Record<string, unknown>, node = testNode) =>
    conductor.command('deploy.execute_deploy_step', {
      step: { interface: 'deploy', step: name, args },
      node,
      ports: [],
    })

  try {
    const first = await Promise.race([conductor.heartbeat(1), died])
    expect(conductor.lookups).toEqual([[MAC, SWITCHED_MAC]])
    expect(first.callback_url).toBe(`https://127.0.0.1:${agentPort}`)

    const inventory = inventorySchema.parse((await conductor.command('poll.get_hardware_info')).command_result)
    expect(inventory.disks.map(({ name, size, serial, tran }) => ({ name, size, serial, tran }))).toEqual([
      { name: '/dev/vda', size: 5 * 1024 * MIB, serial: 'ROOT', tran: 'virtio' },
      { name: '/dev/vdb', size: 64 * MIB, serial: 'SMALL', tran: 'virtio' },
    ])
    expect(inventory.interfaces).toMatchObject([
      { mac_address: MAC, ipv4_address: '10.0.2.15', driver: 'virtio_net' },
      { mac_address: SWITCHED_MAC, ipv4_address: null },
    ])
    expect(inventory.boot).toEqual({ current_boot_mode: 'bios', pxe_interface: MAC })
    expect(inventory.cpu.count).toBe(1)
    const inspected = await conductor.command('inspection.collect')
    const found = inspectionDataSchema.parse(inspected.command_result)
    expect(found.inventory.disks).toEqual(inventory.disks)
    expect(found.inventory.interfaces.map(({ lldp }) => lldp)).toEqual([
      null,
      [[1, '04001122334455'], [2, '054769312f302f37'], [3, '0078'], [5, '737731']], // prettier-ignore
    ])
    expect(found).toMatchObject({
      root_disk: { name: '/dev/vda' },
      boot_interface: MAC,
      pci_devices: expect.arrayContaining([expect.objectContaining({ vendor_id: '1af4', class: '020000' })]) as unknown,
      numa_topology: { cpus: [{ cpu: 0, numa_node: 0, thread_siblings: [0] }] },
    })

    // The asynchronous way: RUNNING at once, and a heartbeat as soon as it has ended.
    const params = {
      step: {
        interface: 'deploy',
        step: 'write_image',
        args: { image_info: source('/image.raw', 'raw', sha256(raw)), configdrive },
      },
      node: testNode,
      ports: [],
    }
    const running = await conductor.command('deploy.execute_deploy_step', params, { wait: false, epoch: 7 })
    expect(running.command_status).toBe('RUNNING')
    await conductor.heartbeat(3) // one at the start, one after each asynchronous command
    expect(await conductor.result(running.id, false)).toMatchObject({
      command_status: 'SUCCEEDED',
      command_error: null,
    })
    await expect(conductor.command('standby.sync', {}, { epoch: 6 })).rejects.toThrow(/409 .*stale epoch/)

    const uuids = await conductor.command('standby.get_partition_uuids')
    expect(uuids.command_result).toMatchObject({ partitions: { root: '/dev/vda1', 'config-2': '/dev/vda3' } })

    const converted = await step('write_image', { image_info: source('/image.qcow2', 'qcow2', sha256(qcow2)) }, small)
    expect(converted).toMatchObject({ command_status: 'SUCCEEDED', command_error: null })

    const logs = await conductor.command('log.collect_system_logs')
    const tar = gunzipSync(Buffer.from(String(logs.command_result?.['system_logs']), 'base64')).toString('latin1')
    expect(tar).toContain('standby.get_partition_uuids succeeded')
    expect(tar).toContain('virtio_blk')
    for (const [file, line] of [
      ['ip_addr.txt', /inet 127\.0\.0\.1/],
      ['lsblk.txt', /vda1/],
      ['ps.txt', /busybox|init/],
    ] as const)
      expect(tar.slice(tar.indexOf(file))).toMatch(line)

    expect((await conductor.command('standby.power_off')).command_status).toBe('SUCCEEDED')
    await ended
  } catch (error) {
    throw new Error(`${(error as Error).message}\nconsole:\n${serial.slice(-6000)}`, { cause: error })
  } finally {
    neighbour.stop()
    machine.kill('SIGKILL')
    await ended
    await conductor.close()
  }
  console.log(
    serial
      .replaceAll(/\r/g, '')
      .split('\n')
      .filter((line) => line.startsWith('ferrule-'))
      .join('\n'),
  )

  // Now other programs look at the disks.
  await tool('qemu-img', 'convert', '-f', 'qcow2', '-O', 'raw', at('vda.qcow2'), at('vda.raw'))
  expect(await tool('sgdisk', '--verify', at('vda.raw'))).toContain('No problems found')
  const { start, size, name } = (await partitions(at('vda.raw'))).get(3)!
  expect({ size, name }).toEqual({ size: 64 * MIB, name: 'config-2' })
  expect((await readRange(at('vda.raw'), start, volume.length)).equals(volume)).toBe(true)
  // The hole was zeroed by the device, not written: QEMU's map of the disk shows no data there.
  const map = JSON.parse(await tool('qemu-img', 'map', '--output=json', at('vda.qcow2'))) as {
    start: number
    length: number
    data: boolean
  }[]
  expect(map.find((extent) => extent.start <= 28 * MIB && 28 * MIB < extent.start + extent.length)?.data).toBe(false)
  // Between the two tables of the image everything is as it was served.
  const [from, to] = [MIB, raw.length - 33 * 512]
  expect((await readRange(at('vda.raw'), from, to - from)).equals(raw.subarray(from, to))).toBe(true)
  await tool('qemu-img', 'convert', '-f', 'qcow2', '-O', 'raw', at('vdb.qcow2'), at('vdb.raw'))
  expect((await readRange(at('vdb.raw'), from, to - from)).equals(raw.subarray(from, to))).toBe(true)
})
