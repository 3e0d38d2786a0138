// Which kernel, ramdisk or volume a node boots, and the arguments of its kernel: the site's, or what its driver_info says (Ironic's names).
import { FaultError } from '../../shared/faults.ts'
import type { Context } from '../driver.ts'
import type { SiteBoot } from '../site.ts'
import { type BootFile, checkBootFile } from './boot-files.ts'
import { bootInfoOf } from './boot-info.ts'

export type RamdiskFiles = SiteBoot['ramdisk'] | { readonly iso: string }

const NAMES = ['deploy_kernel', 'deploy_ramdisk', 'deploy_iso'] as const
type Name = (typeof NAMES)[number]

type WithInfo = Pick<Context<unknown>, 'driverInfo'>

function named(context: WithInfo): Partial<Record<Name, BootFile>> {
  const given = bootInfoOf(context)
  return Object.fromEntries(
    NAMES.flatMap((name) => {
      const url = given[name]
      return url === undefined
        ? []
        : [[name, { name, of: 'driver_info' as const, url, checksum: given[`${name}_checksum`] }]]
    }),
  )
}

/** Throws a FaultError for what does not go together. Talks to nobody. */
export function checkRamdiskInfo(context: WithInfo): void {
  const files = named(context)
  for (const file of Object.values(files)) checkBootFile(file)
  const [one, other] = files.deploy_kernel ? ['deploy_kernel', 'deploy_ramdisk'] : ['deploy_ramdisk', 'deploy_kernel']
  if (Boolean(files.deploy_kernel) !== Boolean(files.deploy_ramdisk))
    throw new FaultError('driver.invalid_info', `driver_info has ${one}, and no ${other}`, {
      hint: `set ${other} too, or neither: the conductor has a kernel and a ramdisk that go together`,
    })
}

/** A volume of the node's own counts where volumes are booted. */
export function namesIso(context: WithInfo): boolean {
  return named(context).deploy_iso !== undefined
}

/** As they are to be served, fetched where the node names its own. */
export async function ramdiskFiles(
  context: Context<unknown>,
  boot: SiteBoot,
  isVolume: boolean,
): Promise<RamdiskFiles> {
  const { env, signal } = context
  const { deploy_kernel: kernel, deploy_ramdisk: initrd, deploy_iso: iso } = named(context)
  const get = (file: BootFile) => boot.files.get(file, { env, signal, onProgress: fetchNotes(context, file) })
  if (isVolume && iso) return { iso: await get(iso) }
  if (!kernel || !initrd) return boot.ramdisk
  return { kernel: await get(kernel), initrd: await get(initrd) }
}

const PROGRESS_SPACING_MS = 3_000

/** Tells how far a file is. A fetch that goes on is not a step that hangs. */
export function fetchNotes(context: Context<unknown>, { name }: BootFile) {
  let saidAt = -Infinity
  return (bytes: number, total: number | undefined) => {
    if ('limitFromNow' in context) (context as { limitFromNow(): void }).limitFromNow()
    if (context.env.mono() - saidAt < PROGRESS_SPACING_MS) return
    saidAt = context.env.mono()
    context.note('boot.fetch', { file: name, bytes, ...(total !== undefined && { total }) })
  }
}

/** The node's arguments are instead of the site's, which `%default%` among them stands for. */
export function appendParams(context: WithInfo, standard: string): string {
  const { kernel_append_params: given } = bootInfoOf(context)
  return given === undefined ? standard : given.replaceAll('%default%', standard).trim()
}
