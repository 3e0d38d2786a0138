// Listens on a NIC with tcpdump (docs/adr/0025), which only writes down what comes: nothing of it is dissected by a program that runs as root.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runTool } from '../tool.ts'
import { firstPacket } from './lldp.ts'

const SNAPSHOT_BYTES = 2048
/** For its time was over. */
const KILLED = 137

/** One frame of LLDP that a neighbour sent; undefined where none came in time. Throws where nobody can listen. */
export async function listenForLldp(nic: string, timeoutMs: number): Promise<Buffer | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'lldp-'))
  try {
    const file = join(folder, 'capture')
    const options = ['-i', nic, '-Q', 'in', '-c', '1', '-s', String(SNAPSHOT_BYTES), '-U', '-Z', 'root', '-w', file]
    const { code, stderr } = await runTool('tcpdump', [...options, 'ether proto 0x88cc'], { timeoutMs })
    if (code !== 0 && code !== KILLED) throw new Error(stderr.trim().slice(-500))
    return firstPacket(await readFile(file).catch(() => Buffer.alloc(0)))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
