// `npm run demo`: from an empty folder to two machines that boot the image that was asked for.
import { ensureDebianPackages } from '../debian.ts'
import type { DemoMachine } from '../../e2e/demo/on-rack.ts'
import { deployOnRack } from '../../e2e/demo/rack.ts'
import { deployOnSim } from '../../e2e/demo/sim.ts'
import { readOptions } from '../options.ts'
import { onShutdown } from '../shutdown.ts'

const HELP = `npm run demo [-- options]

Deploys a small Linux to two virtual machines side by side: real firmware, a third-party BMC each, our cloud, conductor and agent.
  metal-1   BIOS; its agent fetches the image and writes it (deploy interface direct)
  metal-2   UEFI; its agent exports the disk, the conductor writes it (deploy interface iscsi)
Needs no root; the rack lives in namespaces and leaves nothing behind.

  --bios        only metal-1
  --uefi        only metal-2
  --sim         the same story on one simulated machine: no qemu, no Debian packages, a few seconds
  --workerd     the cloud inside workerd, as it is hosted, on a database server of its own
  --clean       erase the disk's metadata first, as a production site does (boots the ramdisk once more)
  --qcow2       deploy a qcow2 image instead of a raw one
  --debian      deploy Debian 12 with cloud-init, a static address and user data: builds the image (once; mmdebstrap, from the
                internet) and takes some minutes more, so only to metal-1 unless --uefi says otherwise; --bios --uefi is both
  --keep DIR    keep logs, databases and the console in DIR
  --help        this text`

const values = readOptions(HELP, {
  sim: { type: 'boolean' },
  workerd: { type: 'boolean' },
  clean: { type: 'boolean' },
  qcow2: { type: 'boolean' },
  bios: { type: 'boolean' },
  uefi: { type: 'boolean' },
  debian: { type: 'boolean' },
  keep: { type: 'string' },
})
console.log(`Node ${process.version}`)
let stop: () => Promise<void> = async () => undefined
onShutdown(async (reason) => {
  await stop()
  console.log(`\ndemo ${reason}; everything that it started is stopped`)
})

try {
  const proven = values.sim ? await onSimulation() : await onRack()
  console.log('Everything is stopped again.')
  if (!proven) process.exitCode = 1
} catch (error) {
  console.error(`\nThe demo failed: ${(error as Error).message}`)
  process.exitCode = 1
}
process.exit()

/** Answers whether each system knows who it is. */
async function onRack(): Promise<boolean> {
  ensureDebianPackages(values.debian ? 'debian' : 'lab', console.log)
  const machines = chosenMachines()
  const told = await deployOnRack({
    print: console.log,
    machines,
    automatedClean: values.clean ?? false,
    system: values.debian ? 'debian' : 'tiny',
    format: values.qcow2 ? 'qcow2' : 'raw',
    cloud: values.workerd ? 'workerd' : 'node',
    ...(values.keep ? { keep: values.keep } : {}),
  })
  for (const { name, consoleLines } of told) {
    console.log(`\nWhat the system that was deployed to ${name} printed on its serial console:`)
    for (const line of consoleLines.filter((each) => each.trim() !== '')) console.log(`  | ${line}`)
  }
  const rows = told.map(({ result, powerOns }, index) => {
    const { name, firmware, deployInterface = 'direct' } = machines[index]!
    const knows = result.osLine.includes(result.uuid) ? 'yes' : 'NO'
    return [name, firmware.toUpperCase(), deployInterface, `${result.seconds.toFixed(1)} s`, String(powerOns), knows]
  })
  printTable([['machine', 'firmware', 'written by', 'verb to system', 'power-ons', 'knows its uuid'], ...rows])
  return told.every(({ result }) => result.osLine.includes(result.uuid))
}

function chosenMachines(): readonly DemoMachine[] {
  const all: readonly DemoMachine[] = [
    { name: 'metal-1', firmware: 'bios', deployInterface: 'direct' },
    { name: 'metal-2', firmware: 'uefi', deployInterface: 'iscsi' },
  ]
  const chosen = all.filter(({ firmware }) => values[firmware])
  if (chosen.length > 0) return chosen
  return values.debian ? all.slice(0, 1) : all
}

async function onSimulation(): Promise<boolean> {
  const { result, powerOns } = await deployOnSim({
    print: console.log,
    onStart: (end) => (stop = end),
    workerd: values.workerd ?? false,
  })
  const { osLine, uuid, seconds } = result
  const proven = osLine.includes(uuid)
  console.log(`\nWhat the deployed system printed on its console:\n  | ${osLine}\n`)
  console.log(`The machine ${proven ? 'knows' : 'DOES NOT KNOW'} its uuid from its config drive: ${uuid}`)
  console.log(`Deployed in ${seconds.toFixed(1)} s; the BMC counted ${powerOns} power-ons, cleaning included.`)
  return proven
}

function printTable(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  console.log()
  for (const row of rows)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('   ')
        .trimEnd(),
    )
  console.log()
}
