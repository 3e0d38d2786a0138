// Software RAID (Linux md, by mdadm). Only arrays that are asked for by UUID are put together. All others, a tenant's own, stay in pieces, so that they are
// erased with their disks.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AgentFault } from '../fault.ts'
import { runTool } from '../tool.ts'

/** For whoever looks at a superblock: it says nothing of whose the array is. */
const HOST = 'ferrule'
/** A superblock has 32 characters for host, colon and name. */
const NAME_CHARACTERS = 18
const ROOT = 'root.'

export interface MdArray {
  /** /dev/md127 */
  readonly path: string
  /** As mdadm writes it: 01234567:89abcdef:01234567:89abcdef; '' where the kernel cannot say. */
  readonly uuid: string
  readonly name: string
  readonly isRoot: boolean
  /** Partitions that it is made of. */
  readonly members: readonly string[]
  /** What the array has of each, where the kernel says it: by path. */
  readonly spans: Readonly<Record<string, Span>>
}

/** Of a member, in bytes. In front of the data are superblock and bitmap; what is behind it is nobody's. */
export interface Span {
  readonly dataAt: number
  readonly dataBytes: number
}

export interface NewArray {
  readonly name: string
  readonly isRoot: boolean
  /** As mdadm calls it: 1, 10, 5. */
  readonly level: string
  readonly members: readonly string[]
}

export interface SoftwareRaid {
  /** Puts those of these UUIDs together, where that is possible. Answers all that the kernel has, running or not. */
  list(uuids: readonly string[]): Promise<MdArray[]>
  /** Answers its UUID. */
  create(array: NewArray): Promise<string>
  /** Its members are free, and keep what is on them. */
  stop(array: MdArray): Promise<void>
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
  const freePath = async () => {
    const taken = await numbers()
    const free = [...taken.keys()].find((number) => !taken.includes(number)) ?? taken.length
    return join(root, `dev/md${free}`)
  }
  const pathOf = (name: string) => join(root, 'dev', name.replaceAll('!', '/'))
  /** Documentation/admin-guide/md.rst of Linux: `offset` counts sectors of 512 bytes, `size` KiB. */
  const spansOf = async (number: number, slaves: readonly string[]) => {
    const spans: Record<string, Span> = {}
    for (const name of slaves) {
      const read = async (fact: string) =>
        Number(await readFile(join(root, `sys/block/md${number}/md/dev-${name}`, fact), 'latin1').catch(() => 'none'))
      const span = { dataAt: (await read('offset')) * 512, dataBytes: (await read('size')) * 1024 }
      if (span.dataAt >= 0 && span.dataBytes > 0) spans[pathOf(name)] = span
    }
    return spans
  }
  const arrays = async () => {
    const found: MdArray[] = []
    for (const number of await numbers()) {
      const path = join(root, `dev/md${number}`)
      // Also of one that does not run. Without any, it is a name that a stopped one has left.
      const slaves = await readdir(join(root, `sys/block/md${number}/slaves`)).catch(() => [] as string[])
      if (slaves.length === 0) continue
      const { stdout } = await run('mdadm', ['--detail', '--export', path])
      const members = slaves.map(pathOf).sort()
      found.push({ path, ...parseDetail(stdout), members, spans: await spansOf(number, slaves) })
    }
    return found
  }
  return {
    async list(uuids) {
      const there = await arrays()
      for (const uuid of uuids) {
        if (there.some((array) => array.uuid === uuid)) continue
        // Why it does not start is seen in what is there afterwards.
        await run('mdadm', ['--assemble', await freePath(), `--uuid=${uuid}`, '--quiet'], { timeoutMs: 120_000 })
      }
      return await arrays()
    },
    async create({ name, isRoot, level, members }) {
      const path = await freePath()
      const full = `${isRoot ? ROOT : ''}${shortName(name)}`
      const options = [`--level=${level}`, '--metadata=1.2', `--homehost=${HOST}`, `--name=${full}`]
      const how = ['--force', '--run', '--bitmap=internal', `--raid-devices=${members.length}`]
      const hasBitmap = level !== '0'
      const args = how.filter((option) => hasBitmap || !option.startsWith('--bitmap'))
      await must(`make ${name}`, ['--create', path, ...options, ...args, ...members])
      const made = (await arrays()).find((array) => array.path === path)
      if (made === undefined || made.uuid === '')
        throw new AgentFault('SoftwareRAIDError', `${path} does not say its UUID`)
      return made.uuid
    },
    async stop({ path }) {
      await must(`stop ${path}`, ['--stop', path])
    },
    async delete({ path, members }) {
      await must(`stop ${path}`, ['--stop', path])
      for (const member of members) await must(`take ${member} out`, ['--zero-superblock', member])
    },
  }
}

/** What `mdadm --detail --export` says; an array that does not run may say nothing. */
export function parseDetail(text: string): Pick<MdArray, 'uuid' | 'name' | 'isRoot'> {
  const fact = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(text)?.[1] ?? ''
  const full = fact('MD_NAME').replace(/^[^:]*:/, '')
  const isRoot = full.startsWith(ROOT)
  return { uuid: fact('MD_UUID'), name: isRoot ? full.slice(ROOT.length) : full, isRoot }
}

/** Whether the member is the disk, or a partition of it. */
export const isOn = (disk: string, member: string): boolean =>
  member.startsWith(disk) && /^(?:p?\d+)?$/.test(member.slice(disk.length))

export function arraysOn(disk: string, arrays: readonly MdArray[]): MdArray[] {
  return arrays.filter(({ members }) => members.some((member) => isOn(disk, member)))
}

/** /dev/sda and 2: /dev/sda2; a name that ends with a digit takes a p between. */
export function partitionPath(disk: string, number: number): string {
  return `${disk}${/\d$/.test(disk) ? 'p' : ''}${number}`
}
