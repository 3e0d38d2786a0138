// Which memory, cores and NICs are near each other, as Ironic's collector `numa-topology` has it.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { listNics } from './nics.ts'

export interface NumaTopology {
  readonly ram: { readonly numa_node: number; readonly size_kb: number }[]
  /** One entry for each core; `thread_siblings`: the kernel's numbers of its threads. */
  readonly cpus: { readonly cpu: number; readonly numa_node: number; readonly thread_siblings: number[] }[]
  readonly nics: { readonly name: string; readonly numa_node: number }[]
}

const text = (...path: string[]) =>
  readFile(join(...path), 'utf8').then(
    (value) => value.trim(),
    () => '',
  )
const numbered = async (folder: string, prefix: string) => {
  const names = await readdir(folder).catch(() => [] as string[])
  const numbers = names.flatMap((name) => new RegExp(`^${prefix}(\\d+)$`).exec(name)?.[1] ?? [])
  return numbers.map(Number).sort((a, b) => a - b)
}

/** `root` stands for `/`. A kernel without NUMA has no such folders: all lists are empty then. */
export async function readNumaTopology(root: string): Promise<NumaTopology> {
  const nodes = join(root, 'sys/devices/system/node')
  const topology: NumaTopology = { ram: [], cpus: [], nics: [] }
  for (const node of await numbered(nodes, 'node')) {
    const folder = join(nodes, `node${node}`)
    const total = /MemTotal:\s+(\d+) kB/.exec(await text(folder, 'meminfo'))?.[1]
    if (total !== undefined) topology.ram.push({ numa_node: node, size_kb: Number(total) })
    topology.cpus.push(...(await coresOf(folder, node)))
  }
  for (const { name } of await listNics(root)) {
    const node = Number((await text(root, 'sys/class/net', name, 'device/numa_node')) || -1)
    if (node >= 0) topology.nics.push({ name, numa_node: node })
  }
  return topology
}

async function coresOf(folder: string, node: number): Promise<NumaTopology['cpus']> {
  const threads = new Map<number, number[]>()
  for (const thread of await numbered(folder, 'cpu')) {
    const core = await text(folder, `cpu${thread}`, 'topology/core_id')
    if (core !== '') threads.set(Number(core), [...(threads.get(Number(core)) ?? []), thread])
  }
  return [...threads].map(([cpu, siblings]) => ({ cpu, numa_node: node, thread_siblings: siblings }))
}
