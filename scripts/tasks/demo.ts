// `npm run demo`: from an empty folder to a machine that boots the image that was asked for.
import { ensureDebianPackages } from '../debian.ts'
import { deployOnRack } from '../../e2e/demo/rack.ts'
import { deployOnSim } from '../../e2e/demo/sim.ts'
import { readOptions } from '../options.ts'
import { onShutdown } from '../shutdown.ts'

const HELP = `npm run demo [-- options]

Deploys a small Linux to a virtual machine: real firmware, a third-party BMC, our cloud, conductor and agent.
Needs no root; the rack lives in namespaces and leaves nothing behind.

  --sim         the same story on simulated hardware: no qemu, no Debian packages, a few seconds
  --workerd     the cloud inside workerd, as it is hosted, on a database server of its own
  --clean       erase the disk's metadata first, as a production site does (boots the ramdisk once more)
  --uefi        the machine has UEFI firmware (OVMF) instead of a BIOS
  --qcow2       deploy a qcow2 image instead of a raw one
  --debian      deploy Debian 12 with cloud-init, a static address and user data: builds the image (once; mmdebstrap, from the
                internet) and takes some minutes more
  --keep DIR    keep logs, databases and the console in DIR
  --help        this text`

const values = readOptions(HELP, {
  sim: { type: 'boolean' },
  workerd: { type: 'boolean' },
  clean: { type: 'boolean' },
  qcow2: { type: 'boolean' },
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
  const told = values.sim ? await onSimulation() : await onRack()
  for (const line of told.console) console.log(`  | ${line}`)
  const { osLine, uuid, seconds } = told.result
  const proven = osLine.includes(uuid)
  console.log(`\nThe machine ${proven ? 'knows' : 'DOES NOT KNOW'} its uuid from its config drive: ${uuid}`)
  console.log(`Deployed in ${seconds.toFixed(1)} s; ${told.powerOns}. Everything is stopped again.`)
  if (!proven) process.exitCode = 1
} catch (error) {
  console.error(`\nThe demo failed: ${(error as Error).message}`)
  process.exitCode = 1
}
process.exit()

async function onRack() {
  ensureDebianPackages(values.debian ? 'debian' : 'lab', console.log)
  const firmware = values.uefi ? 'uefi' : 'bios'
  const [told] = await deployOnRack({
    print: console.log,
    machines: [{ name: 'metal-1', firmware }],
    automatedClean: values.clean ?? false,
    system: values.debian ? 'debian' : 'tiny',
    format: values.qcow2 ? 'qcow2' : 'raw',
    cloud: values.workerd ? 'workerd' : 'node',
    ...(values.keep ? { keep: values.keep } : {}),
  })
  const { result, powerOns, consoleLines } = told!
  console.log('\nWhat the deployed system printed on its serial console:')
  return { result, console: consoleLines, powerOns: `the BMC counted ${powerOns} power-ons` }
}

async function onSimulation() {
  const { result, powerOns } = await deployOnSim({
    print: console.log,
    onStart: (end) => (stop = end),
    workerd: values.workerd ?? false,
  })
  console.log('\nWhat the deployed system printed on its console:')
  return { result, console: [result.osLine], powerOns: `the BMC counted ${powerOns} power-ons, cleaning included` }
}
