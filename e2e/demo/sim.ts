// The demo on simulated hardware: the same story with the same cloud, conductor and agent; the machine, its BMC and its firmware are simulated.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startSimCloud } from '../../sim/cloud.ts'
import type { SimMachine } from '../../sim/machine.ts'
import { startSimSite } from '../../sim/site.ts'
import { Client } from './client.ts'
import { deployStory } from './story.ts'

const TIMEOUT_MS = 60_000
const BOOT_TIMEOUT_MS = 10_000

/** Throws with what went wrong. */
export async function deployOnSim({ print }: { print: (line: string) => void }): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'ferrule-demo-'))
  await using things = new AsyncDisposableStack()
  things.defer(() => rm(folder, { recursive: true, force: true }))
  const cloud = await startSimCloud({ dataDir: join(folder, 'cloud'), as: 'inside', onLog: () => {} })
  things.defer(() => cloud.close())
  const consoleLines: string[] = []
  const site = await startSimSite({
    cloudUrl: cloud.url,
    token: cloud.token,
    machines: 1,
    createNodes: false,
    dataDir: join(folder, 'site'),
    onConsole: (_, line) => void consoleLines.push(line),
  })
  things.defer(() => site.close())
  const { machine } = site.machines[0]!
  print(`cloud at ${cloud.url}, conductor connected, one machine with a BMC at port ${machine.bmc.port}`)
  const result = await deployStory(
    new Client(cloud.url, cloud.token),
    {
      name: machine.options.name,
      mac: machine.options.mac,
      driverInfo: site.driverInfo(machine),
      properties: { capabilities: 'boot_mode:uefi' },
      automatedClean: true,
      osUp: () => osUp(machine),
    },
    { ...site.image, format: 'raw' },
    print,
    TIMEOUT_MS,
  )
  print('\nWhat the machine printed on its console:')
  for (const line of consoleLines) print(`  | ${line}`)
  const powerOns = machine.offToOn()
  if (!result.osLine.includes(`uuid=${result.uuid}`))
    throw new Error(`the machine does not know its uuid: ${result.osLine}`)
  print(`\nThe machine knows its uuid from its config drive: ${result.uuid}`)
  print(`Deployed in ${result.seconds.toFixed(1)} s with ${powerOns} power-ons. Everything is stopped again.`)
}

async function osUp(machine: SimMachine): Promise<string> {
  for (let waitedMs = 0; waitedMs < BOOT_TIMEOUT_MS; waitedMs += 50) {
    const line = machine
      .console()
      .split('\n')
      .find((each) => each.startsWith('FERRULE-OS-UP'))
    if (line !== undefined) return line
    await sleep(50)
  }
  throw new Error('the machine is active, but nothing came up on it')
}
