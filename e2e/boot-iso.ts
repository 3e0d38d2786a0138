// A real machine boots the deploy ramdisk from the conductor's volume: read piece by piece over HTTP, as a BMC reads what it shows as virtual media
// (here it is qemu's curl driver), by real firmware, without DHCP or TFTP. Its agent has address and token of the boot from the medium alone.
import { spawn } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { startFakeConductor } from '../agent/fake-conductor.ts'
import { buildRamdisk } from '../agent/ramdisk/build.ts'
import { temporaryFolder, testNode } from '../agent/testing.ts'
import { countBoot } from '../lab/boot-count.ts'
import { BootIsos, bootPatch } from '../site-conductor/boot/boot-iso.ts'
import { HttpBootServer } from '../site-conductor/http-boot/server.ts'
import { MASKED } from '../shared/agent-protocol.ts'

export interface MediumBoot {
  /** Did the agent's first heartbeat carry the token that only the medium had? */
  readonly tokenFits: boolean
  readonly lookups: readonly string[][]
  /** Where it serves. */
  readonly callback: string
  /** As its kernel says. */
  readonly firmware: 'bios' | 'uefi'
}

export const MAC = '52:54:00:12:34:56'
/** Not the one that qemu's DHCP would give. */
export const ADDRESS = '10.0.2.77'
const OVMF = '/usr/share/OVMF/OVMF_'

export async function bootFromMedium(firmware: 'bios' | 'uefi'): Promise<MediumBoot> {
  await using folder = await temporaryFolder()
  const { kernel, initrd } = await buildRamdisk({ flavour: 'cloud' })
  const iso = await new BootIsos({ folder: join(folder.path, 'isos'), maxBytes: 2 ** 31, isServed: () => true }).get({
    kernel,
    initrd,
  })
  // The lookup shows nobody the token.
  const conductor = await startFakeConductor({ node: testNode, names: ['10.0.2.2'], config: { agent_token: MASKED } })
  const patch = bootPatch(
    iso,
    `console=ttyS0 BOOTIF=${MAC} ferrule.address=${ADDRESS}/24 ferrule.router=10.0.2.2 ipa-agent-token=${conductor.token} ipa-api-url=https://10.0.2.2:${conductor.port} ferrule.ca=sha256:${conductor.ca.digest}`,
  )
  const server = new HttpBootServer({ address: '127.0.0.1', port: 0 })
  await server.start()
  server.publish('/token/boot.iso', { kind: 'file', path: iso.path, contentType: 'application/vnd.efi-iso', patch })
  const flash = (part: string, more: string) => ['-drive', `if=pflash,format=raw,${more},file=${part}`]
  if (firmware === 'uefi') copyFileSync(`${OVMF}VARS_4M.fd`, join(folder.path, 'vars.fd'))
  countBoot(`${firmware} medium`)
  const machine = spawn('qemu-system-x86_64', [
    ...['-machine', 'q35,graphics=off', '-accel', 'tcg,thread=multi', '-cpu', 'max', '-m', '1024', '-display', 'none'],
    ...['-nodefaults', '-no-reboot', '-serial', 'stdio', '-monitor', 'none'],
    ...(firmware === 'uefi'
      ? [...flash(`${OVMF}CODE_4M.fd`, 'readonly=on'), ...flash(join(folder.path, 'vars.fd'), 'readonly=off')]
      : []),
    ...['-netdev', 'user,id=net', '-device', `virtio-net-pci,netdev=net,mac=${MAC},romfile=`],
    ...['-drive', `if=none,id=cd,media=cdrom,readonly=on,format=raw,file=${server.origin}/token/boot.iso`],
    ...['-device', 'ide-cd,drive=cd,bootindex=0'],
  ])
  let serial = ''
  for (const stream of [machine.stdout, machine.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (serial += text))
  const ended = new Promise<void>((resolve) => machine.once('close', () => resolve()))
  try {
    const beat = await Promise.race([conductor.heartbeat(1), ended.then(() => undefined)])
    if (beat === undefined) throw new Error('the machine ended')
    return {
      tokenFits: beat.agent_token === conductor.token,
      lookups: conductor.lookups,
      callback: beat.callback_url,
      firmware: /^.*efi: EFI v\d/m.test(serial) ? 'uefi' : 'bios',
    }
  } catch (error) {
    throw new Error(`${(error as Error).message}\nconsole:\n${serial.slice(-6000)}`, { cause: error })
  } finally {
    machine.kill('SIGKILL')
    await ended
    await Promise.all([conductor.close(), server.close()])
  }
}
