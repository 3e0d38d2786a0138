// Software RAID (Linux md, by mdadm). Only arrays that this ramdisk made are put together: their superblocks name it as their host. A tenant's own stay in
// pieces, so that they are erased with their disks.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { AgentFault } from '../fault.ts'
import { runTool } from '../tool.ts'

/** The same as in mdadm.conf of the ramdisk. */
const HOST = 'ferrule'
/** A superblock has 32 characters for host, colon and name. */
const NAME_CHARACTERS = 18
const ROOT = 'root.'

export interface MdArray {
  /** /dev/md127 */
  readonly path: string
  readonly name: string
  readonly isRoot: boolean
  /** Partitions that it is made of. */
  readonly members: readonly string[]
}

export interface NewArray {
  readonly name: string
  readonly isRoot: boolean
  /** As mdadm calls it: 1, 10, 5. */
  readonly level: string
  readonly members: readonly string[]
}

export interface SoftwareRaid {
  /** Those of this ramdisk, put together. */
  list(): Promise<MdArray[]>
  create(array: NewArray): Promise<void>
  /** Its members are members no more. */
  delete(array: MdArray): Promise<void>
}

/** Of a volume's name, what a superblock keeps. */
export const shortName = (name: string): string => name.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, NAME_CHARACTERS)

type Run = typeof runTool

export function mdArrays(root: string, run: Run = runTool): SoftwareRaid {
  const must = async (what: string, args: string[]) => {
    const { code, stdout, stderr } = await run('mdadm', args, { timeoutMs: 120_000 })
    if (code !== 0) throw new AgentFault('SoftwareRAIDError', `mdadm could not ${what}`, (stderr || stdout).trim())
    return stdout
  }
  const numbers = async () => {
    const names = await readdir(join(root, 'sys/block')).catch(() => [] as string[])
    return names.flatMap((name) => /^md(\d+)$/.exec(name)?.[1] ?? []).map(Number)
  }
  return {
    async list() {
      // That there are none is a failure to mdadm.
      await run('mdadm', ['--assemble', '--scan', '--quiet'], { timeoutMs: 120_000 })
      const arrays: MdArray[] = []
      for (const number of await numbers()) {
        const path = join(root, `dev/md${number}`)
        const { stdout } = await run('mdadm', ['--detail', '--export', path])
        const array = parseDetail(path, stdout)
        if (array) arrays.push(array)
      }
      return arrays
    },
    async create({ name, isRoot, level, members }) {
      const taken = await numbers()
      const path = join(root, `dev/md${[0, 1, 2, 3, 4].find((number) => !taken.includes(number)) ?? taken.length}`)
      const full = `${isRoot ? ROOT : ''}${shortName(name)}`
      const options = [`--level=${level}`, '--metadata=1.2', `--homehost=${HOST}`, `--name=${full}`]
      const how = ['--force', '--run', '--bitmap=internal', `--raid-devices=${members.length}`]
      const hasBitmap = level !== '0'
      const args = how.filter((option) => hasBitmap || !option.startsWith('--bitmap'))
      await must(`make ${name}`, ['--create', path, ...options, ...args, ...members])
    },
    async delete({ path, members }) {
      await must(`stop ${path}`, ['--stop', path])
      for (const member of members) await must(`take ${member} out`, ['--zero-superblock', member])
    },
  }
}

/** What `mdadm --detail --export` says; undefined for an array of somebody else, or one that is none. */
export function parseDetail(path: string, text: string): MdArray | undefined {
  const full = new RegExp(`^MD_NAME=${HOST}:(.*)$`, 'm').exec(text)?.[1]
  if (full === undefined) return undefined
  const isRoot = full.startsWith(ROOT)
  const members = [...text.matchAll(/^MD_DEVICE_\S+_DEV=(.+)$/gm)].map(([, device]) => device!)
  return { path, name: isRoot ? full.slice(ROOT.length) : full, isRoot, members: members.sort() }
}

/** The array whose member the disk, or a partition of it, is. */
export function arrayOf(disk: string, arrays: readonly MdArray[]): MdArray | undefined {
  const isOf = (member: string) => member.startsWith(disk) && /^(?:p?\d+)?$/.test(member.slice(disk.length))
  return arrays.find(({ members }) => members.some(isOf))
}

/** /dev/sda and 2: /dev/sda2; a name that ends with a digit takes a p between. */
export function partitionPath(disk: string, number: number): string {
  return `${disk}${/\d$/.test(disk) ? 'p' : ''}${number}`
}
