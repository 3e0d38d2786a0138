// What `node lab/rack.ts up` runs inside: keeps a rack open for a person, says what is where and waits for Ctrl-C.
import { writeImage } from './disk.ts'
import { buildTinyImage } from './images/tiny.ts'
import { Rack } from './rack.ts'
import { requestedMachines } from './up-options.ts'

const { machines, tiny } = requestedMachines(process.argv.slice(2))
const rack = await Rack.up({ machines, log: (line) => console.log(line) })
const image = tiny ? await buildTinyImage() : null
for (const { disks } of rack.machines) if (image && disks[0]) await writeImage(disks[0], image.path)
console.log(`conductor ${rack.conductorAddress} on ${rack.provisioning.interface}, cloud ${rack.cloudAddress}`)
for (const {
  name,
  mac,
  bmc,
  console: { path },
} of rack.machines) {
  console.log(`${name}  ${mac}  console ${path}`)
  console.log(`  ipmitool -I lanplus -C 3 -H ${bmc.address} -U ${bmc.username} -P ${bmc.password} chassis status`)
}
process.send?.('up')
setInterval(() => {}, 2 ** 30) // until Ctrl-C
