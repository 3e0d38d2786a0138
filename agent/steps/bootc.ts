// Deploy step: a container image that is an operating system (bootc) onto the root disk. podman fetches it into memory, and the image's own `bootc install to-disk`
// writes the disk (https://bootc-dev.github.io/bootc); then the config drive.
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as z from 'zod'
import { containerImageSchema } from '../../shared/container-image.ts'
import { type CommandContext, defineStep } from '../command.ts'
import type { BlockDevice } from '../disk/block-devices.ts'
import { readPartitionTable } from '../disk/partition-table.ts'
import { AgentFault } from '../fault.ts'
import type { Programs } from '../layers.ts'
import { programsFor } from '../programs.ts'
import type { ToolResult } from '../tool.ts'
import { findRootDisk, withRootDisk } from './root-disk.ts'
import { configDriveSchema, fetchConfigDrive, placeConfigDrive } from './write-configdrive.ts'

const MIB = 2 ** 20
/** Beside the root file system: what bootc puts in front of it, and the config drive at the end (Ironic's agent leaves as much). */
const BESIDE_ROOT_MIB = 768
/** Of one pull, and of one installation; the step's own limit is the conductor's. */
const LIMIT_MS = 4 * 60 * 60_000
const CONTAINER = 'ferrule-bootc'
const REMOVAL_LIMIT_MS = 60_000
const REMOVAL_TRIES = 5
const REMOVAL_PAUSE_MS = 200

export const bootcArgs = z.object({
  image_source: containerImageSchema.describe('oci://REGISTRY/NAME:TAG'),
  /** As in an auth.json: base64 of user:password. */
  pull_secret: z.string().max(16_384).nullish().describe('For the registry: base64 of user:password'),
  configdrive: configDriveSchema.nullish(),
})
type BootcArgs = z.output<typeof bootcArgs>

const referenceOf = (source: string) => source.slice('oci://'.length)
const registryOf = (source: string) => referenceOf(source).split('/')[0]!

const ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  TMPDIR: '/var/tmp',
  LC_ALL: 'C',
}
const said = ({ stdout, stderr }: ToolResult) => `${stderr}\n${stdout}`.trim().slice(-4000)

/** Runs podman, whose root is the layer's. Its lines go to the log. */
async function podman(
  { signal, log }: CommandContext,
  programs: Programs,
  args: readonly string[],
  failure: string,
): Promise<void> {
  const result = await programs.run('podman', args, {
    timeoutMs: LIMIT_MS,
    maxBytes: 64 * 1024,
    signal,
    env: ENVIRONMENT,
    onLine: (line) => log(`podman: ${line.slice(0, 500)}`),
  })
  signal.throwIfAborted()
  if (result.code !== 0) throw new AgentFault('ContainerError', failure, said(result))
}

/** Runs a container. It is held by conmon, in a session of its own, so that it does not end with podman: it has ended when this has. */
async function contained(
  context: CommandContext,
  programs: Programs,
  args: readonly string[],
  failure: string,
): Promise<void> {
  try {
    // One that an agent before this one has left is replaced.
    await podman(context, programs, ['run', '--rm', `--name=${CONTAINER}`, '--replace', ...args], failure)
  } catch (error) {
    await removeContainer(programs)
    throw error
  }
}

/** Also when the step is aborted: as long as it runs, it writes the disk. */
async function removeContainer(programs: Programs): Promise<void> {
  for (let tries = 1; ; tries++) {
    const result = await programs.run('podman', ['rm', '--force', '--time=0', '--ignore', CONTAINER], {
      timeoutMs: REMOVAL_LIMIT_MS,
      env: ENVIRONMENT,
    })
    if (result.code === 0) return
    if (tries === REMOVAL_TRIES)
      throw new AgentFault(
        'ContainerError',
        'the container could not be removed and may still be running: start the machine anew before its disk is used',
        said(result),
      )
    await sleep(REMOVAL_PAUSE_MS)
  }
}

/** Files that podman finds in the layer: who it is at the registry, and whom it believes beside the public authorities. Gone when `use` has ended. */
async function withTrust<T>(
  { machine }: CommandContext,
  { root }: Programs,
  { image_source: source, pull_secret: secret }: BootcArgs,
  use: (authFile: string | undefined) => Promise<T>,
): Promise<T> {
  const trust = join(root, 'etc/containers/certs.d', registryOf(source))
  const folder = join(root, 'run/ferrule-bootc')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  try {
    if (machine.caPem !== undefined) {
      await mkdir(trust, { recursive: true })
      await writeFile(join(trust, 'ca.crt'), machine.caPem)
    }
    if (!secret) return await use(undefined)
    const auth = secret.includes(':') ? Buffer.from(secret).toString('base64') : secret
    await writeFile(join(folder, 'auth.json'), JSON.stringify({ auths: { [registryOf(source)]: { auth } } }), {
      mode: 0o600,
    })
    return await use('/run/ferrule-bootc/auth.json')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function installArguments(context: CommandContext, device: BlockDevice, keys: string | undefined): string[] {
  const info = context.node.instance_info
  const rootMib = Math.floor(device.sizeBytes / MIB) - BESIDE_ROOT_MIB
  if (rootMib <= 0) throw new AgentFault('DiskTooSmall', `${device.path} has no room for a root file system`)
  return [
    ...['bootc', 'install', 'to-disk', '--wipe', '--skip-fetch-check', `--root-size=${rootMib}M`],
    ...(keys === undefined ? [] : [`--root-ssh-authorized-keys=${keys}`]),
    ...(info['bootc_tpm2_luks'] === true || info['bootc_tpm2_luks'] === 'true' ? ['--block-setup=tpm2-luks'] : []),
    device.path,
  ]
}

export async function installContainer(context: CommandContext, args: BootcArgs): Promise<string> {
  // A config drive that is no good is found out before the disk is touched.
  const volume = args.configdrive ? await fetchConfigDrive(context, args.configdrive) : undefined
  const programs = await programsFor(context, 'execute_bootc_install', ['podman', 'crun', 'conmon'])
  const device = await findRootDisk(context)
  const reference = referenceOf(args.image_source)
  const keys = context.node.instance_info['bootc_authorized_keys']
  const keysFile = 'var/tmp/ferrule-authorized-keys'
  if (typeof keys === 'string') await writeFile(join(programs.root, keysFile), `${keys.trim()}\n`, { mode: 0o600 })
  const install = installArguments(context, device, typeof keys === 'string' ? `/${keysFile}` : undefined)
  await withTrust(context, programs, args, (authFile) =>
    podman(
      context,
      programs,
      ['pull', ...(authFile === undefined ? [] : [`--authfile=${authFile}`]), `docker://${reference}`],
      `the image ${reference} could not be fetched`,
    ),
  )
  await contained(
    context,
    programs,
    [
      ...['--privileged', '--pid=host', '--network=none', '--pull=never', '--security-opt=label=disable'],
      ...['-v', '/var/lib/containers:/var/lib/containers', '-v', '/dev:/dev', '-v', '/var/tmp:/var/tmp'],
      ...[reference, ...install],
    ],
    `bootc could not install ${reference} on ${device.path}`,
  )
  // What the kernel knows of the disk is of before.
  const warning = await context.machine.rereadPartitions(device)
  if (warning) context.log(`partition table of ${device.path} not read again: ${warning}`)
  if (volume)
    await withRootDisk(context, { changed: true }, async (target) =>
      placeConfigDrive(context, target, await readPartitionTable(target), volume),
    )
  return `Container image (${args.image_source}) written to device ${device.path}`
}

export const executeBootcInstallStep = defineStep({
  interface: 'deploy',
  step: 'execute_bootc_install',
  about: 'Installs a bootable container image on the root disk, by its own bootc.',
  priorities: { deploy: 0, service: 0 },
  // Ironic's conductor calls the secret so, and has it once more in base64.
  args: bootcArgs.omit({ pull_secret: true }).extend({ oci_pull_secret: z.base64().max(32_768).nullish() }),
  run: (context, { oci_pull_secret: secret, ...args }) =>
    installContainer(context, { ...args, pull_secret: secret ? Buffer.from(secret, 'base64').toString() : secret }),
})
