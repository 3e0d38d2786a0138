// The demo on the virtual rack: prepares ramdisk and image, then tells the story inside the rack's namespaces.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildRamdisk } from '../../agent/ramdisk/build.ts'
import { buildDebianImage } from '../../lab/images/debian.ts'
import { buildGrubNetboot } from '../../lab/images/grub-netboot.ts'
import { buildTinyImage } from '../../lab/images/tiny.ts'
import { inRack } from '../../lab/namespaces.ts'
import type { DemoMachine, RackDemo } from './on-rack.ts'
import type { MachineResult, RackMessage } from './say.ts'

// Of the Debian packages pxelinux and syslinux-common.
const PXELINUX = '/usr/lib/PXELINUX/pxelinux.0'
const LDLINUX = '/usr/lib/syslinux/modules/bios/ldlinux.c32'

export interface RackOptions {
  readonly print: (line: string) => void
  /** Told side by side. Default: one BIOS machine called metal-1. */
  readonly machines?: readonly DemoMachine[]
  readonly automatedClean?: boolean
  /** Default: the tiny test system. Debian comes as qcow2, as from its makers. */
  readonly system?: 'tiny' | 'debian'
  readonly format?: 'raw' | 'qcow2'
  /** Where the cloud runs. Default: in a Node process. */
  readonly cloud?: 'node' | 'workerd'
  /** Keeps consoles, logs and databases there. */
  readonly keep?: string
}

/** Deploys the machines; results in their order. Throws with what went wrong, after printing the ends of log and consoles. */
export async function deployOnRack(options: RackOptions): Promise<readonly MachineResult[]> {
  const { print, automatedClean = false, system = 'tiny', cloud = 'node', keep } = options
  const { machines = [{ name: 'metal-1', firmware: 'bios' }] } = options
  const format = system === 'debian' ? 'qcow2' : (options.format ?? 'raw')
  const started = performance.now()
  const image = await (system === 'debian' ? buildDebianImage({ log: print }) : buildTinyImage({ format }))
  const { kernel, initrd } = await buildRamdisk({ log: print })
  print(
    `image ${(image.bytes / 1e6).toFixed(1)} MB, ramdisk ready (${((performance.now() - started) / 1000).toFixed(1)} s)`,
  )
  const demo: RackDemo = {
    machines,
    ramdisk: { kernel, initrd },
    loaders: await pxeLoaders(machines),
    image: { path: image.path, sha256: image.sha256, format },
    system,
    automatedClean,
    cloud,
    ...(keep ? { keep } : {}),
  }
  const evidence = [
    ['the cloud’s log', 'cloud.log'],
    ['the conductor’s log', 'conductor.log'],
    ...machines.map(({ name }) => [`the console of ${name}`, `${name}/console.log`]),
  ] as [string, string][]

  let outcome: RackMessage | undefined
  const rack = inRack(join(import.meta.dirname, 'on-rack.ts'), [JSON.stringify(demo)], {
    onMessage(message) {
      const said = message as RackMessage
      if (said.type === 'line') print(said.text)
      else outcome = said
      // Its folder goes with it: what helps to understand a failure is read before.
      if (said.type === 'failed')
        for (const [what, file] of evidence)
          print(`--- end of ${what}\n${tail(join(keep ?? rack.directory, file)) || tail(join(rack.directory, file))}`)
    },
  })
  const code = await rack.exited
  if (outcome?.type === 'done') return outcome.machines
  throw new Error(outcome?.type === 'failed' ? outcome.message : `the rack ended with exit code ${code}`)
}

/** Where iPXE is not wanted: GRUB for UEFI, Debian's PXELINUX for a BIOS. */
async function pxeLoaders(machines: readonly DemoMachine[]): Promise<NonNullable<RackDemo['loaders']>> {
  const wants = (firmware: DemoMachine['firmware']) =>
    machines.some((machine) => machine.bootInterface === 'pxe' && machine.firmware === firmware)
  return {
    ...(wants('uefi') && { 'loader-grub': await buildGrubNetboot() }),
    ...(wants('bios') && { 'loader-pxelinux': PXELINUX, 'loader-ldlinux': LDLINUX }),
  }
}

function tail(path: string): string {
  try {
    return readFileSync(path, 'utf8').split('\n').slice(-25).join('\n')
  } catch {
    return ''
  }
}
