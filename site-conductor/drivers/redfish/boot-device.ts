// Boot device and boot mode by Redfish: the override of the boot source, changed only where it is otherwise, then read back (DSP2046, ComputerSystem).
import { FaultError } from '../../../shared/faults.ts'
import { bootModeOf } from '../../../shared/capabilities.ts'
import type { StepContext, StepResult } from '../../driver.ts'
import { RedfishError } from '../../redfish/errors.ts'
import type { Changing } from '../../redfish/requests.ts'
import type { Session } from '../../redfish/session.ts'
import { ComputerSystem, systemPath } from '../../redfish/system.ts'
import { sleep } from '../../timing.ts'
import { mutate, read, type RedfishContext, systemOf } from './bmc.ts'
import type { RedfishInfo } from './info.ts'

type Args = Readonly<Record<string, unknown>>

/** Ironic's name → Redfish's. */
export const BOOT_TARGETS = { pxe: 'Pxe', disk: 'Hdd', cdrom: 'Cd', bios: 'BiosSetup', uefihttp: 'UefiHttp' } as const
type Device = keyof typeof BOOT_TARGETS
/** A drive that its BMC plugs in by USB; where BMCs know it, their virtual media is one (Supermicro's boot nothing from `Cd` then). */
const USB_CD = 'UsbCd'
const MODES = { uefi: 'UEFI', bios: 'Legacy' } as const
type Mode = keyof typeof MODES

interface Wanted {
  readonly BootSourceOverrideTarget?: string
  readonly BootSourceOverrideEnabled?: string
  readonly BootSourceOverrideMode?: string
  readonly HttpBootUri?: string | null
}

export async function setBootDevice(context: RedfishContext, args: Args): Promise<void> {
  const device = args['boot_device']
  if (typeof device !== 'string' || !Object.hasOwn(BOOT_TARGETS, device)) {
    const known = Object.keys(BOOT_TARGETS).join(', ')
    throw new FaultError('request.invalid', `boot_device must be one of ${known}, not ${String(device)}`)
  }
  const how = {
    BootSourceOverrideEnabled: args['persistent'] === true ? 'Continuous' : 'Once',
    BootSourceOverrideMode: MODES[bootModeOf(context.node.properties)],
  }
  const { wanted, found } = await mutate(context, async (session, options) => {
    const target = targetOf(device as Device, (await systemOf(context, session, options)).value)
    const wanted = { BootSourceOverrideTarget: target, ...how }
    await override(context, session, wanted, options)
    return { wanted, found: (await systemOf(context, session, options)).value.Boot }
  })
  if (found?.BootSourceOverrideTarget !== wanted.BootSourceOverrideTarget) {
    throw new FaultError(
      'bmc.refused',
      `the BMC was told to boot from ${device}, but says ${String(found?.BootSourceOverrideTarget)} when it is asked`,
    )
  }
  if (found.BootSourceOverrideEnabled !== wanted.BootSourceOverrideEnabled)
    context.note('boot_device.once', { wanted, found: found.BootSourceOverrideEnabled })
}

function targetOf(device: Device, { Boot: boot, Manufacturer: vendor }: ComputerSystem): string {
  const target = BOOT_TARGETS[device]
  const known = boot?.['BootSourceOverrideTarget@Redfish.AllowableValues'] ?? []
  const isUsb =
    device === 'cdrom' && known.includes(USB_CD) && (SUPERMICRO.test(vendor ?? '') || !known.includes(target))
  return isUsb ? USB_CD : target
}

/** HPE's iLO refuses changes while the machine tests itself (Ironic has seen it, and asks six times); that takes minutes at most. */
const DURING_POST = 'UnableToModifyDuringSystemPOST'
const POST_TRIES = 12
const POST_PAUSE_MS = 10_000
/** Its BMCs want to be told whether it is for once with each target, also where that stays (https://storyboard.openstack.org/#!/story/2008547). Others refuse it then. */
const SUPERMICRO = /^supermicro/i

async function afterPost(context: RedfishContext, change: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await change()
    } catch (error) {
      const isPassing = error instanceof RedfishError && error.messageIds.includes(DURING_POST)
      if (!isPassing || tries === POST_TRIES) throw error
      context.note('boot_device.during_post', { tries })
      await sleep(context.env, POST_PAUSE_MS, context.signal)
    }
  }
}

/** Some BMCs know no override that stays (Ironic has seen it): the next start is what counts then. */
async function override(context: RedfishContext, session: Session, wanted: Wanted, options: Changing): Promise<void> {
  try {
    await afterPost(context, () => patchBoot(context, session, wanted, options))
  } catch (error) {
    const isRefused = error instanceof RedfishError && error.kind === 'refused'
    if (!isRefused || wanted.BootSourceOverrideEnabled !== 'Continuous') throw error
    await patchBoot(context, session, { ...wanted, BootSourceOverrideEnabled: 'Once' }, options)
  }
}

/** Sends what is otherwise than wanted; the mode only to a BMC that shows one. */
async function patchBoot(
  { driverInfo }: RedfishContext,
  session: Session,
  wanted: Wanted,
  options: Changing,
): Promise<void> {
  const path = await systemPath(session, driverInfo.redfish_system_id, options)
  const change = ({ Boot: boot, Manufacturer: vendor }: ComputerSystem): object | undefined => {
    if (!boot) throw new RedfishError('missing', `${path} has no Boot: the BMC cannot choose what is booted`)
    const differing = Object.entries(wanted).filter(([name, value]) => {
      const now = boot[name as keyof Wanted]
      return now !== value && !(name === 'BootSourceOverrideMode' && typeof now !== 'string')
    })
    if (differing.length === 0) return undefined
    // The target goes with whatever else changes: BMCs forget it otherwise.
    const { BootSourceOverrideTarget: target, BootSourceOverrideEnabled: enabled } = wanted
    const also = {
      ...(target !== undefined && { BootSourceOverrideTarget: target }),
      ...(SUPERMICRO.test(vendor ?? '') && enabled !== undefined && { BootSourceOverrideEnabled: enabled }),
    }
    return { Boot: { ...also, ...Object.fromEntries(differing) } }
  }
  await session.patch(path, ComputerSystem, change, options)
}

/** The next start is UEFI's HTTP boot from `url`. */
export async function setHttpBoot(context: RedfishContext, url: string): Promise<void> {
  const wanted = {
    BootSourceOverrideTarget: BOOT_TARGETS.uefihttp,
    BootSourceOverrideEnabled: 'Once',
    BootSourceOverrideMode: MODES.uefi,
    HttpBootUri: url,
  }
  const found = await mutate(context, async (session, options) => {
    const { value } = await systemOf(context, session, options)
    const known = value.Boot?.['BootSourceOverrideTarget@Redfish.AllowableValues']
    if (known && !known.includes(wanted.BootSourceOverrideTarget))
      throw new FaultError('driver.unsupported', 'the BMC knows no HTTP boot', {
        hint: "its firmware may be too old for it; set boot_interface to another one, 'http' needs no BMC for it",
      })
    await override(context, session, wanted, options)
    return (await systemOf(context, session, options)).value.Boot
  })
  if (found?.HttpBootUri !== url)
    throw new FaultError(
      'bmc.refused',
      'the BMC was told where its HTTP boot loads from, and does not say so when it is asked',
    )
}

/** HTTP boot loads from where DHCP says again. */
export async function clearHttpBoot(context: RedfishContext): Promise<void> {
  await mutate(context, async (session, options) => {
    const { value } = await systemOf(context, session, options)
    if (value.Boot?.HttpBootUri) await patchBoot(context, session, { HttpBootUri: null }, options)
  })
}

export async function getBootDevice(
  context: RedfishContext,
): Promise<{ boot_device: string | null; persistent: boolean | null }> {
  const { value } = await read(context, (session, options) => systemOf(context, session, options))
  const { BootSourceOverrideTarget: target, BootSourceOverrideEnabled: enabled } = value.Boot ?? {}
  const device =
    target === USB_CD ? 'cdrom' : Object.entries(BOOT_TARGETS).find(([, redfish]) => redfish === target)?.[0]
  if (device === undefined || (enabled !== 'Once' && enabled !== 'Continuous'))
    return { boot_device: null, persistent: null }
  return { boot_device: device, persistent: enabled === 'Continuous' }
}

export async function getBootMode(context: RedfishContext): Promise<Mode | null> {
  const { value } = await read(context, (session, options) => systemOf(context, session, options))
  const mode = value.Boot?.BootSourceOverrideMode
  return (Object.keys(MODES) as Mode[]).find((each) => MODES[each] === mode) ?? null
}

export async function setBootMode(context: StepContext<RedfishInfo>): Promise<StepResult> {
  const mode = context.args['mode']
  if (mode !== 'uefi' && mode !== 'bios')
    throw new FaultError('request.invalid', `the boot mode must be uefi or bios, not ${String(mode)}`)
  await mutate(context, async (session, options) => {
    const { value } = await systemOf(context, session, options)
    if (typeof value.Boot?.BootSourceOverrideMode !== 'string')
      throw new RedfishError('missing', 'the BMC does not show a boot mode')
    await patchBoot(context, session, { BootSourceOverrideMode: MODES[mode] }, options)
  })
  const found = await getBootMode(context)
  if (found !== mode)
    throw new FaultError('bmc.refused', `the BMC was told to boot in mode ${mode}, but says ${String(found)}`)
  return { facts: { boot_mode: mode } }
}
