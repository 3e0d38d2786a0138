// The conductor of a simulated site: the real one, in this process or as a process of its own that can be killed. It has its network's
// first address and ports that need no privilege.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startConductor, type RunningConductor } from '../site-conductor/conductor.ts'
import { resolveConfig } from '../site-conductor/config.ts'
import { type Dialer, webSocketDialer } from '../site-conductor/link/dialer.ts'
import { logger } from '../site-conductor/log.ts'
import { type Child, startChild } from './child.ts'
import type { LoopbackNetwork } from './loopback.ts'

export const DHCP_PORT = 6767
const TFTP_PORT = 6969
const HTTP_BOOT_PORT = 8088
/** The agent API listens at all addresses, so each conductor has a port of its own. Below the range of ephemeral ports. */
const AGENT_API_BASE = 20_000
const NETWORKS = 256

export interface ConductorOptions {
  /** Enrolled already. */
  readonly dataDir: string
  readonly hostname: string
  readonly network: LoopbackNetwork
  /** Which of the network's conductors, from 1; default 1. */
  readonly place?: number
  readonly as: 'inside' | 'process'
  /** Bytes of the fake kernel and initrd that machines load. */
  readonly ramdiskBytes: number
  /** Of one inside this process: sees every frame that it sends or gets. */
  onFrame?(frame: string): void
  /** Of one inside this process: how it reaches the cloud; not with onFrame. */
  readonly dialer?: Dialer
  /** More configuration, such as drivers and powerPollS. */
  readonly config: Readonly<Record<string, unknown>>
  onLog(line: string): void
}

export interface SimConductor {
  /** Holds its journal. */
  readonly dataDir: string
  /** As nodes show who has them. */
  readonly hostname: string
  start(): Promise<void>
  /** SIGSTOP and SIGCONT; of one inside this process neither is possible. */
  stall(): void
  resume(): void
  /** SIGKILL; of one inside this process it is a clean stop, since there is nothing to kill. */
  kill(): Promise<void>
  close(): Promise<void>
}

/** Made, not started. */
export async function makeConductor(options: ConductorOptions): Promise<SimConductor> {
  const config = await configFile(options)
  return options.as === 'inside' ? inside(config, options) : outside(config, options)
}

async function configFile({ dataDir, network, place = 1, ramdiskBytes, config }: ConductorOptions): Promise<string> {
  const files = join(dataDir, 'files')
  await mkdir(files, { recursive: true })
  const file = async (name: string, bytes: number) => {
    await writeFile(join(files, name), Buffer.alloc(bytes, name))
    return join(files, name)
  }
  return JSON.stringify({
    dataDir,
    address: network.conductorAt(place),
    agentApiPort: AGENT_API_BASE + NETWORKS * (place - 1) + network.number,
    dhcpPort: DHCP_PORT,
    tftpPort: TFTP_PORT,
    httpBootPort: HTTP_BOOT_PORT,
    loaderBios: await file('undionly.kpxe', 1024),
    loaderUefi: await file('snponly.efi', 1024),
    deployKernel: await file('kernel', ramdiskBytes),
    deployRamdisk: await file('initrd', ramdiskBytes),
    ramdiskLayers: join(files, 'layers'),
    // A site's image server is on the loopback network as all of it is.
    fetchNetworks: ['127.0.0.0/8'],
    drivers: ['ipmi', 'redfish', 'fake-hardware'],
    vncPort: 0,
    // Whole disks of noise would be most of what a story does.
    stepPriorities: ['clean.deploy.erase_devices=0'],
    ...config,
  })
}

function inside(
  file: string,
  { dataDir, hostname, onLog, onFrame, dialer = webSocketDialer }: ConductorOptions,
): SimConductor {
  let running: RunningConductor | undefined
  const stop = async () => {
    await running?.close()
    running = undefined
  }
  const cannot = () => {
    throw new Error('a conductor inside this process cannot be stopped alone')
  }
  return {
    dataDir,
    hostname,
    stall: cannot,
    resume: cannot,
    async start() {
      const { config } = resolveConfig({ file })
      const log = logger({ level: config.logLevel, format: 'json', now: () => Date.now(), write: onLog })
      running = await startConductor({ config, log, services: { dialer: onFrame ? tapped(onFrame) : dialer } })
    },
    kill: stop,
    close: stop,
  }
}

function tapped(onFrame: (frame: string) => void): Dialer {
  return {
    dial(url, headers, events) {
      const message = (frame: string) => {
        onFrame(frame)
        events.message(frame)
      }
      const opened = () => events.opened()
      const closed = (code: number, reason: string) => events.closed(code, reason)
      const socket = webSocketDialer.dial(url, headers, { opened, message, closed })
      const send = (frame: string) => {
        onFrame(frame)
        socket.send(frame)
      }
      return { send, close: (code, reason) => socket.close(code, reason) }
    },
  }
}

function outside(file: string, { dataDir, hostname, onLog }: ConductorOptions): SimConductor {
  const main = fileURLToPath(new URL('../site-conductor/main.ts', import.meta.url))
  const path = join(dataDir, 'conductor.json')
  let child: Child | undefined
  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    const ending = child
    child = undefined
    await ending?.end(signal)
  }
  return {
    dataDir,
    hostname,
    stall: () => void child?.process.kill('SIGSTOP'),
    resume: () => void child?.process.kill('SIGCONT'),
    async start() {
      await writeFile(path, file)
      child = startChild(main, ['run', '--config', path], ['stdout', 'stderr'], onLog)
    },
    kill: () => end('SIGKILL'),
    close: () => end('SIGTERM'),
  }
}
