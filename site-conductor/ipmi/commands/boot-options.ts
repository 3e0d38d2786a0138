// Set and Get System Boot Options (IPMI 2.0 §28.12 and §28.13, Table 28-14): network function 00h, commands 08h and 09h, Operator.
// Parameter 5 is the boot flags, parameter 3 says when the BMC forgets them by itself.
import { IpmiError } from '../errors.ts'
import type { RequestOptions, Requester } from '../request.ts'
import { readAnswer } from './read-answer.ts'

const devices = { none: 0, pxe: 1, disk: 2, safe: 3, diagnostics: 4, cdrom: 5, bios: 6, floppy: 15 } as const

export type BootDevice = keyof typeof devices

export interface BootFlags {
  /** `none`: no override. Read back, a device that has no name here is its number (0–15), as vendors have their own. */
  device: BootDevice | number
  /** For all boots from now on, not only the next one. */
  persistent: boolean
  efi: boolean
}

export interface BootFlagsRead extends BootFlags {
  /** Whether the BIOS would act on the flags at the next boot. */
  valid: boolean
}

const completions = {
  0x80: 'the BMC does not have this boot parameter',
  0x81: 'somebody else is changing the boot options',
  0x82: 'this boot parameter can only be read',
}

/** Writes parameter 5. A device given as a number is sent as it is (Supermicro's UEFI disk is 9). */
export async function setBootFlags(session: Requester, flags: BootFlags, options?: RequestOptions): Promise<void> {
  const device = typeof flags.device === 'number' ? flags.device : devices[flags.device]
  if (!Number.isInteger(device) || device < 0 || device > 15)
    throw new IpmiError('argument', `boot device ${device} is not between 0 and 15`)
  const first = 0x80 | (flags.persistent ? 0x40 : 0) | (flags.efi ? 0x20 : 0)
  await set(session, 'boot flags', [0x05, first, device << 2, 0, 0, 0], options)
}

/** Reads parameter 5 back. */
export async function getBootFlags(session: Requester, options?: RequestOptions): Promise<BootFlagsRead> {
  const data = await get(session, 0x05, options)
  return readAnswer('boot flags', data, (reader) => {
    const [first, second] = [reader.u8(), reader.u8()]
    const number = (second >> 2) & 0x0f
    const named = Object.entries(devices).find(([, code]) => code === number)?.[0] as BootDevice | undefined
    const device = named ?? number
    return { device, persistent: (first & 0x40) !== 0, efi: (first & 0x20) !== 0, valid: (first & 0x80) !== 0 }
  })
}

/**
 * Writes parameter 3: with `true` the BMC keeps the boot flags even if no Chassis Control comes within 60 s (bit 3). Without it a
 * machine that is slow to be switched off boots from its disk.
 */
export async function setBootFlagTimeoutDisabled(
  session: Requester,
  disabled: boolean,
  options?: RequestOptions,
): Promise<void> {
  await set(session, 'boot flag clearing', [0x03, disabled ? 0x08 : 0x00], options)
}

export async function getBootFlagTimeoutDisabled(session: Requester, options?: RequestOptions): Promise<boolean> {
  const data = await get(session, 0x03, options)
  return readAnswer('boot flag clearing', data, (reader) => (reader.u8() & 0x08) !== 0)
}

async function set(session: Requester, what: string, data: number[], options?: RequestOptions): Promise<void> {
  const name = `Set System Boot Options (${what})`
  const bytes = Uint8Array.from(data)
  await session.request({ name, netFn: 0x00, command: 0x08, data: bytes, kind: 'idempotent', completions }, options)
}

/** The parameter's data, after its version and selector. */
async function get(session: Requester, parameter: number, options?: RequestOptions): Promise<Uint8Array> {
  const name = `Get System Boot Options (parameter ${parameter})`
  const data = Uint8Array.of(parameter, 0, 0)
  const answer = await session.request({ name, netFn: 0x00, command: 0x09, data, kind: 'read', completions }, options)
  return readAnswer(name, answer, (reader) => {
    reader.u8()
    const found = reader.u8()
    if ((found & 0x7f) !== parameter) throw reader.fail(`parameter ${found & 0x7f}`)
    return reader.rest()
  })
}
