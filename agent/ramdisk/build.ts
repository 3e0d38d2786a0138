// Builds the deploy ramdisk: `node agent/ramdisk/build.ts --out DIR [--flavour cloud|full] [--layers burnin,…]` writes DIR/kernel and DIR/initrd, and what
// some steps need beside them (layers.ts) to DIR/layers.
// Two layers, each kept under a hash of what went into it: the base (packages, kernel, Node) and the agent (one bundled file, init). The initrd is
// the two compressed archives one after the other, which the kernel unpacks in turn. A change of the agent costs a second.
import { createHash, randomUUID } from 'node:crypto'
import { copyFile, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import { layerFile, type LayerName, LAYERS } from '../../shared/layers.ts'
import { runTool } from '../tool.ts'
import { layerArchive } from './layers.ts'
import type { Flavour } from './base-layer.ts'
import { buildBaseLayer, compress, nodeBinary } from './base-layer.ts'
import type { Entry } from './newc.ts'
import { encodeArchive, withFolders } from './newc.ts'

const here = dirname(fileURLToPath(import.meta.url))
const cache = join(here, '../../.cache/ramdisk')
/** Files of this folder that decide what the base layer holds. */
const baseRecipe = ['base-layer.ts', 'debian.ts', 'kernel-modules.ts', 'newc.ts']

export interface Ramdisk {
  /** Paths of the two files; they stay until somebody empties the cache. */
  kernel: string
  initrd: string
  /** SHA-256 (hexadecimal) over everything that went in. */
  hash: string
  /** Size of the initrd. */
  bytes: number
}

const sha256 = (...parts: (string | Uint8Array)[]) => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${part.length}:`).update(part)
  return hash.digest('hex')
}
const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  )

/** Makes a folder appear whole or not at all, however many processes try at once; the first one wins. */
async function once(folder: string, make: (temporary: string, work: string) => Promise<void>): Promise<void> {
  if (await exists(folder)) return
  const temporary = join(cache, 'unfinished', randomUUID())
  const [result, work] = [join(temporary, 'result'), join(temporary, 'work')]
  await mkdir(result, { recursive: true })
  await mkdir(work)
  try {
    await make(result, work)
    await mkdir(dirname(folder), { recursive: true })
    await rename(result, folder).catch(async (error: unknown) => {
      if (!(await exists(folder))) throw error
    })
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}

/** The files of the agent's layer, but for the code cache, whose bytes are never the same twice. */
async function agentFiles(): Promise<Extract<Entry, { kind: 'file' }>[]> {
  const bundle = await build({
    entryPoints: [join(here, '../main.ts')],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node26',
    minify: true,
    write: false,
    logLevel: 'silent',
  })
  const script = async (path: string, name: string) => {
    return { path, kind: 'file' as const, content: await readFile(join(here, name)), mode: 0o755 }
  }
  return [
    { path: 'opt/ferrule/agent.cjs', kind: 'file', content: bundle.outputFiles[0]!.contents, mode: 0o644 },
    await script('opt/ferrule/start.cjs', 'start.cjs'),
    await script('usr/share/ferrule/udhcpc.sh', 'udhcpc.sh'),
    await script('init', 'init.sh'),
  ]
}

/** V8's code cache of the bundle, made by the Node that will read it. */
async function codeCache(files: Extract<Entry, { kind: 'file' }>[], work: string): Promise<Entry> {
  for (const { path, content } of files) await writeFile(join(work, basename(path)), content)
  const { code, stderr } = await runTool(await nodeBinary(), [join(work, 'start.cjs'), '--make-cache'])
  if (code !== 0) throw new Error(`the agent's bundle does not load: ${stderr}`)
  return {
    path: 'opt/ferrule/agent.cache',
    kind: 'file',
    content: await readFile(join(work, 'agent.cache')),
    mode: 0o644,
  }
}

export async function buildRamdisk({
  flavour = 'cloud',
  log = () => {},
}: { flavour?: Flavour; log?: (line: string) => void } = {}): Promise<Ramdisk> {
  const started = performance.now()
  const node = await stat(await nodeBinary())
  const recipe = await Promise.all(baseRecipe.map((name) => readFile(join(here, name))))
  const baseKey = sha256(...recipe, flavour, process.arch, process.version, String(node.size))
  const base = join(cache, 'layers', baseKey.slice(0, 32))
  await once(base, async (result, work) => {
    await buildBaseLayer(flavour, result, work, log)
    const contents = await Promise.all(['kernel', 'base.cpio.zst'].map((name) => readFile(join(result, name))))
    await writeFile(join(result, 'digest'), sha256(...contents))
  })

  const files = await agentFiles()
  const hash = sha256(await readFile(join(base, 'digest')), encodeArchive(withFolders(files)))
  const folder = join(cache, hash.slice(0, 32))
  await once(folder, async (result, work) => {
    const agent = encodeArchive(withFolders([...files, await codeCache(files, work)]))
    await copyFile(join(base, 'kernel'), join(result, 'kernel'))
    await writeFile(
      join(result, 'initrd'),
      Buffer.concat([await readFile(join(base, 'base.cpio.zst')), compress(agent)]),
    )
  })
  const ramdisk = { kernel: join(folder, 'kernel'), initrd: join(folder, 'initrd'), hash }
  const { size: bytes } = await stat(ramdisk.initrd)
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  log(`ramdisk ${flavour}: ${(bytes / 2 ** 20).toFixed(1)} MiB, ${hash.slice(0, 12)}, ${seconds} s`)
  return { ...ramdisk, bytes }
}

/** Path of the layer's file; it stays until somebody empties the cache. */
export async function buildLayer(name: LayerName, log: (line: string) => void = () => {}): Promise<string> {
  const started = performance.now()
  const recipe = await Promise.all(['layers.ts', 'debian.ts', 'newc.ts'].map((file) => readFile(join(here, file))))
  const folder = join(cache, 'layers', sha256(...recipe, name, process.arch).slice(0, 32))
  const path = join(folder, layerFile(name))
  await once(folder, async (result, work) => {
    await writeFile(join(result, layerFile(name)), compress(await layerArchive(name, work)))
  })
  const { size } = await stat(path)
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  log(`layer ${name}: ${(size / 2 ** 20).toFixed(1)} MiB, ${seconds} s`)
  return path
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      out: { type: 'string' },
      flavour: { type: 'string', default: 'cloud' },
      layers: { type: 'string', default: '' },
    },
  })
  const flavour = values.flavour
  const layers = values.layers.split(',').filter((name) => name !== '')
  const isLayer = (name: string): name is LayerName => (LAYERS as readonly string[]).includes(name)
  if (!values.out || (flavour !== 'cloud' && flavour !== 'full') || !layers.every(isLayer)) {
    console.error(`usage: node agent/ramdisk/build.ts --out DIR [--flavour cloud|full] [--layers ${LAYERS.join(',')}]`)
    process.exit(2)
  }
  const { kernel, initrd } = await buildRamdisk({ flavour, log: console.log })
  await mkdir(values.out, { recursive: true })
  await copyFile(kernel, join(values.out, 'kernel'))
  await copyFile(initrd, join(values.out, 'initrd'))
  for (const name of layers) {
    await mkdir(join(values.out, 'layers'), { recursive: true })
    await copyFile(await buildLayer(name, console.log), join(values.out, 'layers', layerFile(name)))
  }
}
