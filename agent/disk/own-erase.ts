// Disks that erase themselves: NVMe Format NVM, ATA SECURITY ERASE UNIT, and discards that promise that nothing can be read any more. A disk whose own
// erase cannot be used says why, so that it is overwritten instead; one that began and failed is a failure.
import { AgentFault } from '../fault.ts'
import { runTool } from '../tool.ts'
import type { BlockDevice } from './block-devices.ts'

type Run = (program: string, args: string[], options?: { timeoutMs?: number }) => ReturnType<typeof runTool>
export type OwnErase = { readonly how: string } | { readonly cannot: string }

const MINUTE = 60_000
/** A large disk that erases all its cells takes hours. */
const LONGEST_MS = 24 * 60 * MINUTE

export async function eraseItself(device: BlockDevice, run: Run = runTool): Promise<OwnErase> {
  if (device.name.startsWith('nvme')) return await nvmeFormat(device.path, run)
  if (device.tran === 'sata' || device.vendor === 'ATA') return await ataErase(device.path, run)
  const { code } = await run('blkdiscard', ['--force', '--secure', device.path], { timeoutMs: LONGEST_MS })
  return code === 0 ? { how: 'by secure discard' } : { cannot: 'it cannot erase itself' }
}

/** NVM Express Base 2.0 §5.17 (OACS, NN, FNA) and §5.14 (Format NVM, SES). */
export async function nvmeFormat(path: string, run: Run = runTool): Promise<OwnErase> {
  const { code, stdout } = await run('nvme', ['id-ctrl', path, '--output-format=json'])
  const facts = code === 0 ? (JSON.parse(stdout) as { oacs?: number; fna?: number; nn?: number }) : {}
  const { oacs = 0, fna = 0, nn } = facts
  if ((oacs & 2) === 0) return { cannot: 'it has no Format NVM command' }
  // FNA: a format, or an erasing one, is of all namespaces.
  if ((fna & 3) !== 0) {
    // A controller with room for one may have no list of them.
    const count = nn === 1 ? 1 : await namespaces(path, run)
    if (count === 0) return { cannot: 'its Format NVM is of all its namespaces, and its namespaces are not known' }
    if (count > 1) return { cannot: 'its Format NVM would erase other namespaces, too' }
  }
  const isCryptographic = (fna & 4) !== 0
  const args = ['format', path, `--ses=${isCryptographic ? 2 : 1}`, '--force', `--timeout=${LONGEST_MS}`]
  const formatted = await run('nvme', args, { timeoutMs: LONGEST_MS })
  if (formatted.code !== 0) throw failed(path, 'Format NVM', formatted)
  return { how: isCryptographic ? 'by a new key (NVMe format)' : 'by NVMe format' }
}

/** How many there are, attached or not; 0 where the controller does not say. */
async function namespaces(path: string, run: Run): Promise<number> {
  const { code, stdout } = await run('nvme', ['list-ns', path, '--all'])
  return code === 0 ? (stdout.match(/^\[\s*\d+\s*\]:/gm)?.length ?? 0) : 0
}

/** What `hdparm -I` says of a disk's Security feature set; undefined where it has none. */
export interface AtaSecurity {
  readonly enabled: boolean
  readonly locked: boolean
  readonly frozen: boolean
  readonly expired: boolean
  readonly enhanced: boolean
}

export function parseAtaSecurity(text: string): AtaSecurity | undefined {
  const [, section = ''] = /^Security:[^\n]*\n((?:[ \t]+[^\n]*\n?)*)/m.exec(text) ?? []
  const has = (words: string) => new RegExp(`^[ \\t]+${words}`, 'm').test(section)
  if (!has('supported[ \\t]*$')) return undefined
  return {
    enabled: has('enabled'),
    locked: has('locked'),
    frozen: has('frozen'),
    expired: has('expired'),
    enhanced: has('supported: enhanced erase'),
  }
}

/** Whoever loses power in the middle leaves the disk locked with this; the next one that comes knows it. */
const PASSWORD = 'NULL'

/** ACS-4 §7.42: SECURITY SET PASSWORD, SECURITY ERASE PREPARE and UNIT. */
export async function ataErase(path: string, run: Run = runTool): Promise<OwnErase> {
  const hdparm = (args: string[], timeoutMs = 2 * MINUTE) => run('hdparm', [...args, path], { timeoutMs })
  const read = async () => parseAtaSecurity((await hdparm(['-I'])).stdout)
  const security = async (action: string, timeoutMs?: number) =>
    await hdparm(['--user-master', 'u', `--security-${action}`, PASSWORD], timeoutMs)
  const before = await read()
  if (before === undefined) return { cannot: 'it has no secure erase' }
  if (before.frozen) return { cannot: 'its firmware has frozen its secure erase' }
  if (before.expired) return { cannot: 'too many passwords were tried at it' }
  if (before.locked) await security('unlock')
  if (before.enabled) await security('disable')
  if ((await read())?.enabled) return { cannot: 'it is locked with a password of somebody else' }
  const set = await security('set-pass')
  if (set.code !== 0) return { cannot: `it takes no password: ${set.stderr.trim()}` }
  const erased = await security(before.enhanced ? 'erase-enhanced' : 'erase', LONGEST_MS)
  const after = await read()
  if (after?.enabled) await security('disable')
  // The password goes with the data.
  if (erased.code !== 0 || after === undefined || after.enabled) throw failed(path, 'SECURITY ERASE UNIT', erased)
  return { how: before.enhanced ? 'by enhanced secure erase' : 'by secure erase' }
}

function failed(path: string, command: string, { stdout, stderr }: { stdout: string; stderr: string }): AgentFault {
  return new AgentFault('DiskWriteError', `${path}: ${command} failed`, `${stderr} ${stdout}`.trim().slice(0, 1000))
}
