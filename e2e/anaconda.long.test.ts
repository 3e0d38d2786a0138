// The deploy interface `anaconda` on real firmware. What is booted is no Anaconda, which nobody may pass on, but a kernel of Debian with a ramdisk of ours
// (lab/images/installer.ts): it fetches the kickstart file, runs its sections in Anaconda's order with the real curl and mount, writes the disk and starts the machine
// again. Judges: the serial console, the power log, the timeline.
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { buildRamdisk } from '../agent/ramdisk/build.ts'
import { buildGrubNetboot } from '../lab/images/grub-netboot.ts'
import { buildInstaller } from '../lab/images/installer.ts'
import { buildTinyImage } from '../lab/images/tiny.ts'
import { inRack } from '../lab/namespaces.ts'
import type { Prepared, Seen } from './anaconda.inside.ts'

const USER_DATA = "#cloud-config\n# %end $(reboot) 'x'\n"

test.each([
  ['BIOS, by iPXE, from the operator’s server', { name: 'bios', firmware: 'bios' }, 'ipxe'],
  ['UEFI, by GRUB, from the conductor', { name: 'uefi', firmware: 'uefi' }, 'pxe'],
] as const)(
  'an installer installs a machine, and it starts what was installed: %s',
  async (_, machine, bootInterface) => {
    const { kernel, initrd } = await buildRamdisk({ log: () => {} })
    const { path, sha256 } = await buildTinyImage()
    const prepared: Prepared = {
      machine,
      bootInterface,
      ramdisk: { kernel, initrd },
      ...(bootInterface === 'pxe' && { loaders: { 'loader-grub': await buildGrubNetboot() } }),
      image: { path, sha256 },
      installer: await buildInstaller(),
      userData: USER_DATA,
    }
    const { console, timeline, powerOns } = await told(prepared)
    const text = console.join('\n')
    expect(text).toContain('installer: runs with ')
    expect(text).not.toContain('is to be had twice')
    const left = `left ./var/lib/cloud/seed/config_drive/openstack/latest/user_data ${sha256Of(USER_DATA)}`
    expect(text).toContain(left)
    expect(text).toMatch(new RegExp(`FERRULE-OS-UP .*firmware=${machine.firmware === 'uefi' ? 'efi' : 'bios'}`))
    expect(timeline.filter((type) => type.startsWith('installer.'))).toEqual(['installer.start', 'installer.end'])
    expect(powerOns, 'the machine was started by the conductor once').toBe(1)
  },
)

const sha256Of = (text: string) => createHash('sha256').update(text).digest('hex')

async function told(prepared: Prepared): Promise<Seen> {
  const lines: string[] = []
  let seen: Seen | undefined
  const rack = inRack(join(import.meta.dirname, 'anaconda.inside.ts'), [JSON.stringify(prepared)], {
    onMessage(message) {
      const said = message as { line?: string; seen?: Seen }
      if (said.line !== undefined) lines.push(said.line)
      seen = said.seen ?? seen
    },
  })
  const code = await rack.exited
  if (seen === undefined) throw new Error(`the rack ended with exit code ${code}\n${lines.join('\n')}`)
  return seen
}
