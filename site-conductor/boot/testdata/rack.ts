// A rack of one machine for tests, without root: run as a program inside fresh user, network, mount and pid namespaces
// (see rackCommand). It lays a bridge, starts the real BootServices on it, lets one client boot, and prints what
// happened as JSON lines on stdout: {stage: ...} from the services, {serial: "..."} from the client.
import { spawn, spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { countBoot } from '../../../lab/boot-count.ts'
import { BootServices } from '../services.ts'
import { DEBIAN_LOADERS } from '../loaders.ts'
import type { ChildProcess } from 'node:child_process'
import type { KernelInstance } from '../ticket.ts'

export type RackClient = 'bios-ipxe' | 'uefi-pxe' | 'uefi-http' | 'udhcpc'

export interface RackOrder {
  client: RackClient
  mode: 'reservations' | 'proxy'
  /** Admit a ticket for the client's MAC; `resident`: none, it lives here, and its instance is a kernel and a ramdisk. Otherwise it is a stranger. */
  known: boolean | 'resident'
  /** Ends when a stage (and outcome) or a serial text like this was seen (of a resident: after its instance was loaded), or after `timeoutMs`. */
  until: { stage?: string; serial?: string }
  timeoutMs: number
}

export const RACK = { server: '10.77.0.1', client: '10.77.0.50', mac: '52:54:00:77:00:01' }

/** iPXE packed as a Linux kernel, or as an EFI program: the smallest "kernels" that firmware really starts. */
const KERNELS: Record<RackClient, string> = {
  'bios-ipxe': '/usr/lib/ipxe/ipxe.lkrn',
  udhcpc: '/usr/lib/ipxe/ipxe.lkrn',
  'uefi-pxe': '/usr/lib/ipxe/ipxe.efi',
  'uefi-http': '/usr/lib/ipxe/ipxe.efi',
}

/** The command line that carries out `order`; killing it ends everything inside. */
export function rackCommand(node: string, order: RackOrder): { file: string; args: string[] } {
  const namespaces = ['--user', '--map-root-user', '--net', '--mount', '--pid', '--mount-proc']
  const args = [...namespaces, '--fork', '--kill-child', node, import.meta.filename, JSON.stringify(order)]
  return { file: 'unshare', args }
}

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

function ip(...args: string[]): void {
  const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`)
}

/** br0 with our address; a tap for qemu; a veth whose other end is in a network namespace of its own for udhcpc. */
function layNetwork(): { holder: ChildProcess } {
  ip('link', 'set', 'lo', 'up')
  ip('link', 'add', 'br0', 'type', 'bridge', 'forward_delay', '0', 'stp_state', '0')
  ip('addr', 'add', `${RACK.server}/24`, 'dev', 'br0')
  // A second network, so that a reply that leaves by the wrong interface is noticed as missing.
  ip('link', 'add', 'other0', 'type', 'bridge')
  ip('addr', 'add', '10.66.0.1/24', 'dev', 'other0')
  ip('link', 'set', 'other0', 'up')
  ip('tuntap', 'add', 'dev', 'tap0', 'mode', 'tap')
  ip('link', 'add', 'veth0', 'type', 'veth', 'peer', 'name', 'veth1')
  for (const port of ['tap0', 'veth0']) {
    ip('link', 'set', port, 'master', 'br0')
    ip('link', 'set', port, 'up')
  }
  ip('link', 'set', 'br0', 'up')
  const holder = spawn('unshare', ['--net', 'sleep', '600'], { stdio: 'ignore' })
  return { holder }
}

/** Puts veth1 into the other namespace; gives the arguments of nsenter for a command in there. */
function enterOther(holder: ChildProcess, mac: string): string[] {
  spawnSync('sleep', ['0.3'])
  ip('link', 'set', 'veth1', 'address', mac)
  ip('link', 'set', 'veth1', 'netns', String(holder.pid))
  const inside = ['-t', String(holder.pid), '-n']
  spawnSync('nsenter', [...inside, 'ip', 'link', 'set', 'veth1', 'up'])
  return inside
}

/** The address server that proxy mode stands beside: somebody else's, on another host, with nothing to boot. */
function startDnsmasq(holder: ChildProcess, folder: string): ChildProcess {
  const inside = enterOther(holder, '52:54:00:77:00:02')
  spawnSync('nsenter', [...inside, 'ip', 'addr', 'add', '10.77.0.2/24', 'dev', 'veth1'])
  const range = `--dhcp-range=${RACK.client},${RACK.client},255.255.255.0,1h`
  // --no-daemon is dnsmasq's only mode that leaves groups alone, which a user namespace does not let it change.
  const args = ['--no-daemon', '--port=0', '--no-resolv', '--no-hosts', '--no-ping', '--dhcp-authoritative', range]
  const files = [`--dhcp-leasefile=${join(folder, 'leases')}`, '--conf-file=/dev/null', '--interface=veth1']
  return spawn('nsenter', [...inside, 'dnsmasq', ...args, ...files], { stdio: 'ignore' })
}

/** Where an operator has what an instance boots: a server that is none of ours. */
async function serveInstance(kernel: string, onLoaded: (name: string) => void): Promise<KernelInstance> {
  const files: Record<string, string> = { '/vmlinuz': kernel, '/initrd': '/usr/lib/ipxe/undionly.kpxe' }
  const server = createServer((request, response) => {
    const file = files[request.url ?? '']
    if (file === undefined) return void response.writeHead(404).end()
    response.on('finish', () => onLoaded(request.url!))
    return void response.end(readFileSync(file))
  })
  await new Promise<void>((listening) => server.listen(8099, RACK.server, listening))
  server.unref()
  const at = `http://${RACK.server}:8099`
  return { kernel: `${at}/vmlinuz`, ramdisk: `${at}/initrd`, kernelArguments: 'root=/dev/ram0 text console=ttyS0' }
}

function startUdhcpc(holder: ChildProcess, folder: string): ChildProcess {
  const script = join(folder, 'udhcpc.sh')
  const body = '#!/bin/sh\necho "udhcpc: $1 ip=$ip mask=$mask router=$router dns=$dns boot=$boot_file siaddr=$siaddr"\n'
  writeFileSync(script, body, { mode: 0o755 })
  const inside = enterOther(holder, RACK.mac)
  const udhcpc = ['busybox', 'udhcpc', '-f', '-q', '-n', '-t', '4', '-T', '1', '-i', 'veth1', '-s', script]
  return spawn('nsenter', [...inside, ...udhcpc], { stdio: ['ignore', 'pipe', 'pipe'] })
}

function startMachine(client: RackClient, folder: string): ChildProcess {
  countBoot(client)
  const nic = `virtio-net-pci,netdev=n0,mac=${RACK.mac}`
  const common = ['-accel', 'tcg,thread=multi', '-nodefaults', '-nographic', '-serial', 'stdio', '-m', '512']
  const net = ['-netdev', 'tap,id=n0,ifname=tap0,script=no,downscript=no']
  if (client === 'bios-ipxe') {
    const args = [...common, ...net, '-machine', 'pc,graphics=off', '-device', `${nic},bootindex=1`]
    return spawn('qemu-system-x86_64', args, { stdio: ['ignore', 'pipe', 'pipe'] })
  }
  const variables = join(folder, 'vars.fd')
  copyFileSync('/usr/share/OVMF/OVMF_VARS_4M.fd', variables)
  // No option ROM: the firmware's own network stack. Without its IPv4 and IPv6 PXE it has only HTTP boot left.
  const noPxe = ['IPv4', 'IPv6'].flatMap((family) => [
    '-fw_cfg',
    `name=opt/org.tianocore/${family}PXESupport,string=n`,
  ])
  const args = [
    ...common,
    ...net,
    '-machine',
    'q35',
    '-device',
    `${nic},romfile=,bootindex=1`,
    '-drive',
    'if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd',
    '-drive',
    `if=pflash,format=raw,unit=1,file=${variables}`,
    ...(client === 'uefi-http' ? noPxe : []),
  ]
  return spawn('qemu-system-x86_64', args, { stdio: ['ignore', 'pipe', 'pipe'] })
}

async function run(order: RackOrder): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'ferrule-rack-'))
  const { holder } = layNetwork()
  let over = (_why: string): void => {}
  const ended = new Promise<string>((resolve) => (over = resolve))
  let serial = ''
  let hasLoaded = order.known !== 'resident'
  const address = { ip: RACK.client, prefixLength: 24, router: RACK.server, dns: ['10.77.0.53'] }
  const instance = await serveInstance(KERNELS[order.client], (loaded) => {
    say({ loaded })
    serial = ''
    hasLoaded ||= loaded === '/initrd'
  })
  const services = new BootServices({
    resident: (mac) =>
      order.known === 'resident' && mac === RACK.mac ? { node: 'node-1', address, instance, isOnlyCard: true } : undefined,
    onStage: (stage) => {
      say({ stage })
      const { until } = order
      if (stage.stage === until.stage && (stage.outcome === undefined || stage.outcome === 'complete')) over('stage')
    },
    onStranger: (stranger) => say({ stranger }),
    log: { debug: (text, fields) => say({ log: text, ...fields }), warn: (text, fields) => say({ log: text, ...fields }) },
  })
  await services.start({ address: RACK.server, mode: order.mode, loaders: DEBIAN_LOADERS })
  const other = order.mode === 'proxy' ? startDnsmasq(holder, folder) : undefined
  if (order.known === true) {
    services.admit({
      node: 'node-1',
      macs: [RACK.mac],
      address,
      ramdisk: { kernel: KERNELS[order.client], initrd: '/usr/lib/ipxe/undionly.kpxe', kernelArguments: 'console=ttyS0' },
      token: 'rack-token-0123456789abcdef',
    })
  }
  const child = order.client === 'udhcpc' ? startUdhcpc(holder, folder) : startMachine(order.client, folder)
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (bytes: Buffer) => {
      const text = bytes.toString('latin1')
      serial = (serial + text).slice(-4000)
      say({ serial: text })
      if (hasLoaded && order.until.serial !== undefined && serial.includes(order.until.serial)) over('serial')
    })
  }
  child.on('exit', (code) => over(`client exit ${code}`))
  const timer = setTimeout(() => over('timeout'), order.timeoutMs)
  say({ end: await ended })
  clearTimeout(timer)
  child.kill('SIGKILL')
  holder.kill('SIGKILL')
  other?.kill('SIGKILL')
  await services.close()
  rmSync(folder, { recursive: true, force: true })
}

if (import.meta.main) await run(JSON.parse(process.argv[2] ?? '{}') as RackOrder)
