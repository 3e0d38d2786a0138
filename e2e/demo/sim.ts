// The demo on simulated hardware: the same cloud, conductor and agent, on machines that are simulated down to their network packets.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startSimCloud } from '../../sim/cloud.ts'
import { startSimSite } from '../../sim/site.ts'
import { startWorkerdCloud } from '../../sim/workerd-cloud.ts'
import { deployStory, type StoryResult } from './story.ts'

export interface SimDemo {
  readonly result: StoryResult
  readonly powerOns: number
}

const TIMEOUT_MS = 60_000

export interface SimDemoOptions {
  readonly print: (line: string) => void
  /** Gets what ends everything at once. */
  readonly onStart: (stop: () => Promise<void>) => void
  /** The cloud in workerd instead of in this process. */
  readonly workerd?: boolean
}

/** Deploys one machine. */
export async function deployOnSim({ print, onStart, workerd = false }: SimDemoOptions): Promise<SimDemo> {
  await using things = new AsyncDisposableStack()
  onStart(() => things.disposeAsync())
  const folder = await mkdtemp(join(tmpdir(), 'ferrule-demo-'))
  things.defer(() => rm(folder, { recursive: true, force: true }))
  const place = { dataDir: join(folder, 'cloud'), onLog: () => undefined }
  const cloud = await (workerd ? startWorkerdCloud(place) : startSimCloud({ ...place, as: 'inside' }))
  things.defer(() => cloud.close())
  print(`cloud is up${workerd ? ' in workerd' : ''}: ${cloud.url}`)
  const osUp = Promise.withResolvers<string>()
  const site = await startSimSite({
    cloudUrl: cloud.url,
    token: cloud.token,
    machines: 1,
    createNodes: false,
    dataDir: join(folder, 'site'),
    onConsole: (_machine, line) => line.includes('FERRULE-OS-UP') && osUp.resolve(line),
  })
  things.defer(() => site.close())
  const { machine } = site.machines[0]!
  print(`conductor is up, with 1 simulated machine; its BMC is at ${machine.bmc.address}:${machine.bmc.port}`)
  const result = await deployStory(
    site.api,
    {
      name: 'metal-1',
      mac: machine.options.mac,
      driverInfo: site.driverInfo(machine),
      properties: { cpu_arch: 'x86_64', capabilities: 'boot_mode:uefi' },
      automatedClean: true,
      osUp: () => osUp.promise,
    },
    { url: site.image.url, sha256: site.image.sha256, format: 'raw' },
    print,
    TIMEOUT_MS,
  )
  return { result, powerOns: machine.offToOn() }
}
