// Another host of the rack: a name and a network namespace of its own with a cable to each network that it is given an address on. What runs there shares
// no port and no loopback with the conductor or with another host. It ends with the rack, or with close().
import { spawn } from 'node:child_process'
import { readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { endProcess } from './end-process.ts'
import { run } from './run.ts'

/** The rack's networks; see network.ts. */
export type HostNetwork = 'prov' | 'oob' | 'wan'

export interface Host {
  /** Put before a command, these run it there: `spawn(...)` as `const [file, ...args] = host.enter`. */
  readonly enter: readonly [file: string, ...args: string[]]
  close(): Promise<void>
}

const READY_WITHIN_MS = 10_000

/** `name`: at most six letters, since its cables are named after it. On the host the interfaces are called like their networks. */
export async function addHost(name: string, addresses: Partial<Record<HostNetwork, string>>): Promise<Host> {
  if (!/^[a-z]{1,6}$/.test(name)) throw new Error(`host name "${name}" must be of one to six letters`)
  const holder = spawn('unshare', ['--net', '--uts', 'sleep', 'infinity'], { stdio: 'ignore' })
  const { pid } = holder
  if (pid === undefined) throw new Error('unshare could not be started')
  await hasItsOwnNetwork(pid)
  const enter = ['nsenter', '--target', String(pid), '--net', '--uts'] as const
  const inside = (...args: string[]) => run(enter[0], [...enter.slice(1), 'ip', ...args])
  await run(enter[0], [...enter.slice(1), 'sh', '-c', 'echo "$1" > /proc/sys/kernel/hostname', 'sh', name])
  await inside('link', 'set', 'lo', 'up')
  for (const [network, address] of Object.entries(addresses)) {
    const cable = `${name}-${network}`
    await run('ip', ['link', 'add', cable, 'type', 'veth', 'peer', 'name', network, 'netns', String(pid)])
    await run('ip', ['link', 'set', cable, 'master', network, 'addrgenmode', 'none', 'up'])
    await inside('addr', 'add', `${address}/24`, 'brd', '+', 'dev', network)
    await inside('link', 'set', network, 'up')
  }
  return {
    enter,
    async close() {
      await endProcess(holder)
    },
  }
}

/** unshare has come so far when its namespace is another than ours. */
async function hasItsOwnNetwork(pid: number): Promise<void> {
  const ours = readlinkSync('/proc/self/ns/net')
  for (let waitedMs = 0; waitedMs < READY_WITHIN_MS; waitedMs += 20) {
    if (readlinkSync(`/proc/${pid}/ns/net`) !== ours) return
    await sleep(20)
  }
  throw new Error(`no network namespace for another host within ${READY_WITHIN_MS / 1000} s`)
}
