// Programs that are not part of the ramdisk itself: a layer is a small root file system in memory, and its programs run in it (docs/adr/0022).
import { spawn } from 'node:child_process'
import { access, constants, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createZstdDecompress } from 'node:zlib'
import { AgentFault } from './fault.ts'
import { runTool, type ToolOptions, type ToolResult } from './tool.ts'

export interface Programs {
  /** Runs a program of the layer; what it has started ends with it. */
  run(file: string, args: readonly string[], options: ToolOptions): Promise<ToolResult>
  /** Where `/` of its programs is found. */
  readonly root: string
}

export interface Layers {
  /** Programs that the ramdisk has by itself; undefined when one of them is missing. */
  own(programs: readonly string[]): Promise<Programs | undefined>
  /** One that is unpacked already. */
  known(name: string, sha256: string): Promise<Programs | undefined>
  /** `packed`: an archive as the kernel unpacks it, compressed by zstd. */
  add(name: string, sha256: string, packed: Uint8Array): Promise<Programs>
}

/** Of the machine that this process runs on. */
export function realLayers(folder = '/run/ferrule-layers'): Layers {
  const rootOf = (name: string) => join(folder, name)
  const markOf = (name: string) => `${rootOf(name)}.sha256`
  const programsIn = (root: string): Programs => ({
    root,
    run: (file, args, options) => runTool('chroot', [root, file, ...args], options),
  })
  return {
    async own(programs) {
      for (const program of programs) if (!(await isOnPath(program))) return undefined
      return { root: '/', run: (file, args, options) => runTool(file, [...args], options) }
    },
    async known(name, sha256) {
      const mark = await readFile(markOf(name), 'utf8').catch(() => '')
      return mark === sha256 ? programsIn(rootOf(name)) : undefined
    },
    async add(name, sha256, packed) {
      await rm(markOf(name), { force: true })
      await unpack(rootOf(name), packed)
      await writeFile(markOf(name), sha256)
      return programsIn(rootOf(name))
    },
  }
}

async function isOnPath(program: string): Promise<boolean> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const isThere = await access(join(folder, program), constants.X_OK).then(
      () => true,
      () => false,
    )
    if (isThere) return true
  }
  return false
}

/** A file system of its own, so that a program may put another one in its place (pivot_root(2)); an older layer of the name stays underneath. */
async function unpack(root: string, packed: Uint8Array): Promise<void> {
  await mkdir(root, { recursive: true })
  await mount(['-t', 'tmpfs', '-o', 'mode=755,size=80%', 'tmpfs', root])
  try {
    await fill(root, packed)
  } catch (error) {
    // Else it takes memory until the machine starts anew.
    await runTool('umount', ['-l', root])
    throw error
  }
}

async function fill(root: string, packed: Uint8Array): Promise<void> {
  const cpio = spawn('cpio', ['-idmu'], { cwd: root, stdio: ['pipe', 'ignore', 'pipe'] })
  let said = ''
  cpio.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2000)))
  const ended = new Promise<number>((resolve) => cpio.once('close', (code) => resolve(code ?? 137)))
  cpio.once('error', (error) => (said += error.message))
  await pipeline(Readable.from([packed]), createZstdDecompress(), cpio.stdin).catch(
    (error: Error) => (said += error.message),
  )
  if ((await ended) !== 0) throw new AgentFault('ProgramMissing', 'the layer cannot be unpacked', said)
  // A container engine puts what it starts into a control group. Where they are mounted already, this changes nothing.
  await runTool('mount', ['-t', 'cgroup2', 'cgroup2', '/sys/fs/cgroup'])
  for (const shared of ['dev', 'proc', 'sys']) await mount(['-o', 'rbind', `/${shared}`, join(root, shared)])
}

async function mount(args: string[]): Promise<void> {
  const { code, stderr } = await runTool('mount', args)
  if (code !== 0) throw new AgentFault('ProgramMissing', `mount ${args.join(' ')} failed`, stderr.trim())
}
