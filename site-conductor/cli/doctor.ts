// `ferrule-conductor doctor`: looks for what keeps a conductor from working. Each finding says what to do. Changes nothing.
import { execFile } from 'node:child_process'
import { access, constants, readFile, stat } from 'node:fs/promises'
import { promisify } from 'node:util'
import { FaultError } from '../../shared/faults.ts'
import { MAX_CLOCK_SKEW_MS } from '../../shared/upgrade.ts'
import { ISO_PACKAGES, ISO_PROGRAMS } from '../boot/boot-iso.ts'
import { grubPrefix } from '../boot/grub-prefix.ts'
import type { Config } from '../config.ts'
import { ANSIBLE_PACKAGES, missingPrograms } from '../deploy/ansible/info.ts'
import { runQemuImg } from '../deploy/qemu-img.ts'
import { folder } from '../disk.ts'
import { readIdentity, readSite } from '../identity.ts'
import { loadDrivers } from '../drivers/load-drivers.ts'
import { NEUTRON } from '../network/neutron/api.ts'
import { type Asked, examineOpenStack } from '../openstack/examine.ts'
import { CINDER } from '../storage/block-storage.ts'

const CLOUD_TIMEOUT_MS = 10_000
const QEMU_TIMEOUT_MS = 10_000

/** What drivers ask of an OpenStack. */
const OPENSTACK: readonly Asked[] = [
  { what: 'storage interface cinder', service: CINDER, path: '/volumes?limit=1' },
  { what: 'network interface neutron', service: NEUTRON, path: '/networks?limit=1&fields=id' },
]

interface Finding {
  readonly what: string
  /** undefined: well. */
  readonly wrong?: string
  /** What is wrong matters only to whoever wants this. */
  readonly isOptional?: boolean
}

/** Prints one line per check; true when all is well. */
export async function examine(config: Config, out: (text: string) => void): Promise<boolean> {
  const findings = [
    await dataFolder(config),
    await identity(config),
    await cloud(config),
    await drivers(config),
    ...(await boot(config)),
    await iscsi(),
    await volumes(),
    ...(config.openstackFile === undefined ? [] : await examineOpenStack(config.openstackFile, OPENSTACK)),
    await playbooks(),
  ]
  for (const { what, wrong, isOptional } of findings)
    out(wrong === undefined ? `ok     ${what}` : `${isOptional ? 'note  ' : 'WRONG '} ${what}: ${wrong}`)
  return findings.every(({ wrong, isOptional }) => wrong === undefined || isOptional)
}

async function check(what: string, run: () => Promise<string | undefined>): Promise<Finding> {
  const wrong = await run().catch((error: unknown) => (error instanceof Error ? error.message : String(error)))
  return wrong === undefined ? { what } : { what, wrong }
}

function dataFolder({ dataDir }: Config): Promise<Finding> {
  return check(`data folder ${dataDir}`, async () => {
    await access(dataDir, constants.R_OK | constants.W_OK)
    const { mode } = await stat(dataDir)
    return (mode & 0o077) === 0 ? undefined : `others may read it: chmod 700 ${dataDir}`
  })
}

function identity({ dataDir }: Config): Promise<Finding> {
  return check('enrolment and site key', async () => {
    const disk = await folder(dataDir)
    if ((await readIdentity(disk)) === undefined) return 'not enrolled: run "ferrule-conductor enroll"'
    const site = await readSite(disk)
    if (site?.privateKey !== undefined) return undefined
    return 'this conductor cannot open BMC passwords: run "ferrule-conductor request-key" and have it admitted'
  })
}

function cloud({ dataDir, url }: Config): Promise<Finding> {
  return check('the cloud, and this clock', async () => {
    const target = url ?? (await readIdentity(await folder(dataDir)))?.url
    if (target === undefined) return 'not enrolled'
    const sent = Date.now()
    const response = await fetch(`${target}/v1`, { signal: AbortSignal.timeout(CLOUD_TIMEOUT_MS) })
    const date = Date.parse(response.headers.get('date') ?? '')
    if (Number.isNaN(date)) return undefined
    const offMs = Math.abs((sent + Date.now()) / 2 - date)
    return offMs < MAX_CLOCK_SKEW_MS / 2 ? undefined : `this clock is ${Math.round(offMs / 1000)} s off: set up NTP`
  })
}

function drivers(config: Config): Promise<Finding> {
  return check(`drivers ${config.drivers.join(', ')}`, async () => {
    await loadDrivers(config.drivers)
    return undefined
  })
}

/** Asks for a disk where nobody is: an answer other than "nobody" says that qemu-img, or what it needs for this, is missing. */
async function iscsi(): Promise<Finding> {
  const nobody = 'driver=iscsi,transport=tcp,portal=127.0.0.1:1,target=iqn.2008-10.org.openstack:nobody,lun=1'
  const found = await check('deploy interface iscsi', async () => {
    const asked = runQemuImg({ args: ['info', '--image-opts', nobody], signal: AbortSignal.timeout(QEMU_TIMEOUT_MS) })
    const error = await asked.catch((reason: unknown) => reason)
    if (!(error instanceof FaultError) || error.fault.code !== 'driver.unsupported') return undefined
    return `${error.fault.message}; ${error.fault.hint ?? ''}`
  })
  return { ...found, isOptional: true }
}

async function volumes(): Promise<Finding> {
  const found = await check('boot interfaces redfish-virtual-media, redfish-https and http', async () => {
    const started = await Promise.allSettled(ISO_PROGRAMS.map((name) => promisify(execFile)(name, ['--version'])))
    const missing = ISO_PROGRAMS.filter((_, index) => {
      const end = started[index]!
      return end.status === 'rejected' && (end.reason as NodeJS.ErrnoException).code === 'ENOENT'
    })
    return missing.length === 0 ? undefined : `${missing.join(', ')} not found: ${ISO_PACKAGES}`
  })
  return { ...found, isOptional: true }
}

async function playbooks(): Promise<Finding> {
  const found = await check('deploy interface ansible', async () => {
    const missing = missingPrograms(process.env['PATH'] ?? '')
    return missing.length === 0 ? undefined : `${missing.join(', ')} not found: ${ANSIBLE_PACKAGES}`
  })
  return { ...found, isOptional: true }
}

function grub(file: string): Promise<Finding> {
  return check(file, async () => {
    const prefix = grubPrefix(await readFile(file))
    if (prefix === undefined || prefix === '') return undefined
    return `it looks for its configuration in ${JSON.stringify(prefix)}: make it with an empty prefix, grub-mkimage -p ''`
  })
}

async function boot(config: Config): Promise<Finding[]> {
  if (!config.boot) return []
  const { loaderGrub, loaderPxelinux, loaderLdlinux } = config
  const files = [config.deployKernel, config.deployRamdisk, config.loaderBios, config.loaderUefi]
  files.push(...[loaderPxelinux, loaderLdlinux].filter((file) => file !== undefined))
  return [
    await check('address on the provisioning network', async () =>
      config.address === undefined ? 'set "address"' : undefined,
    ),
    ...(await Promise.all(files.map((file) => check(file, async () => void (await access(file, constants.R_OK)))))),
    ...(loaderGrub === undefined ? [] : [await grub(loaderGrub)]),
  ]
}
