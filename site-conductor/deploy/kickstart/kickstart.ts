// The kickstart file of one deployment: a template, with what is known of the node and its instance. What it says is checked as far as a deployment
// depends on it: it reports to the conductor, and the machine starts again, or is off, when the installer has done its work.
import { FaultError } from '../../../shared/faults.ts'
import { type ConfigDriveContent, configDriveFiles } from '../../config-drive/config-drive.ts'
import type { InstallerInfo } from '../installer-info.ts'
import { DEFAULT_TEMPLATE } from './default.ts'
import { configDriveSection, type ReportTo, reportSections } from './sections.ts'
import { render, type Values } from './template.ts'

export interface KickstartOf {
  readonly node: { readonly uuid: string; readonly name: string | null }
  /** Of the node's properties, or of the instance. */
  readonly rootDevice: unknown
  readonly installer: Pick<InstallerInfo, 'source'>
  readonly reportTo: ReportTo
  readonly configDrive: ConfigDriveContent | string | undefined
  /** Undefined: the conductor's own. */
  readonly template?: string | undefined
}

export interface Kickstart {
  readonly text: string
  /** What the machine does when the installer has done its work. */
  readonly after: 'reboot' | 'off'
}

/** An installer reads it into memory, several times. */
const MOST_BYTES = 8 * 2 ** 20
/** Of what a fault repeats. */
const MOST_QUOTED = 200

/** Throws a FaultError that says what to change. */
export function kickstartOf(of: KickstartOf): Kickstart {
  const { template = DEFAULT_TEMPLATE, reportTo } = of
  const text = render(template, valuesOf(of))
  if (Buffer.byteLength(text) > MOST_BYTES)
    throw new FaultError('request.invalid', `a kickstart file of more than ${MOST_BYTES} bytes`, {
      hint: 'give the config drive as a URL, or as less',
    })
  if (!text.includes(reportTo.url))
    throw new FaultError('request.invalid', 'ks_template never reports to the conductor, which would wait in vain', {
      hint: 'put {{ ks_options.reports }} at its end, or a %post that posts to {{ ks_options.heartbeat_url }}',
    })
  return { text, after: afterwards(text) }
}

/** Commands stand outside of sections, one a line. */
function afterwards(text: string): Kickstart['after'] {
  let isSection = false
  for (const line of text.split('\n')) {
    const [word = ''] = line.trim().split(/\s/)
    if (word === '%end') isSection = false
    else if (word.startsWith('%') && !/^%(include|ksappend)$/.test(word)) isSection = true
    else if (isSection) continue
    else if (word === 'reboot') return 'reboot'
    else if (word === 'poweroff' || word === 'shutdown') return 'off'
  }
  throw new FaultError('request.invalid', 'ks_template leaves the machine waiting for a key when it has installed it', {
    hint: 'say reboot (or poweroff) among its commands',
  })
}

function valuesOf({ node, rootDevice, installer, reportTo, configDrive, template }: KickstartOf): Values {
  const { source } = installer
  return {
    node: node.uuid,
    hostname: hostnameOf(node),
    agent_token: reportTo.token,
    heartbeat_url: reportTo.url,
    /** Ironic's: TLS is always verified here. */
    insecure_heartbeat: undefined,
    liveimg_url: 'liveimg' in source ? source.liveimg : undefined,
    liveimg_sha256: 'liveimg' in source ? source.sha256 : undefined,
    repo_url: 'repository' in source ? source.repository : undefined,
    root_disk: rootDiskOf(rootDevice, template !== undefined),
    config_drive: configDrive === undefined ? undefined : configDriveSection(partsOf(configDrive, node)),
    reports: reportSections(reportTo),
  }
}

/** RFC 1123; the UUID of a node whose name cannot be one. */
function hostnameOf({ uuid, name }: KickstartOf['node']): string {
  return name !== null && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i.test(name) ? name : uuid
}

/** As kickstart names disks: by name, or a link below /dev/disk. Undefined: the installer chooses, of all. Throws for hints that it cannot be told. */
export function rootDiskOf(hints: unknown, isOwnTemplate: boolean): string | undefined {
  const given = Object.entries((hints ?? {}) as Record<string, unknown>)
  const said = given.map(([name, value]) => {
    const [, word = ''] = /^(?:s==|==|=)?\s*([A-Za-z0-9_./:-]+)$/.exec(String(value)) ?? []
    if (word === '') return undefined
    if (name === 'name') return word.replace(/^\/dev\//, '')
    if (name === 'by_path') return `disk/by-path/${word.replace(/^\/dev\/disk\/by-path\//, '')}`
    return { wwn: `disk/by-id/wwn-${word}`, serial: `disk/by-id/*${word}` }[name]
  })
  const [first] = said
  if (said.length === 0) return undefined
  if (said.length === 1 && first !== undefined) return first
  if (isOwnTemplate) return undefined
  throw new FaultError(
    'request.invalid',
    `root_device ${JSON.stringify(hints).slice(0, MOST_QUOTED)} cannot be said in a kickstart file, which would replace all disks`,
    {
      hint: 'give root_device as one of name, wwn, serial and by_path, or a ks_template of your own that says which disk it takes',
    },
  )
}

function partsOf(
  drive: ConfigDriveContent | string,
  node: KickstartOf['node'],
): Parameters<typeof configDriveSection>[0] {
  if (typeof drive !== 'string') return configDriveFiles(drive, node)
  const text = drive.trim()
  if (/^https?:\/\/[A-Za-z0-9.:/_~%?=&+,@-]+$/.test(text) || /^[A-Za-z0-9+/=\s]+$/.test(text)) return text
  throw new FaultError('config_drive.invalid', 'the config drive is neither base64 nor a plain http or https URL')
}
