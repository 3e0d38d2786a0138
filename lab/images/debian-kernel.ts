// A Debian kernel unpacked into the cache: fetched once by the machine's own apt, never installed.
import { readFileSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { cached } from '../cache.ts'
import { insideRack } from '../namespaces.ts'
import { run } from '../run.ts'

export interface DebianKernel {
  /** Such as "6.1.0-40-cloud-amd64". */
  readonly release: string
  readonly image: string
  readonly modules: string
}

/** `flavour`: "cloud" is small and virtual only; "" is the full kernel with drivers for servers. */
export async function debianKernel(cacheDirectory: string, flavour: 'cloud' | '' = 'cloud'): Promise<DebianKernel> {
  const meta = flavour === 'cloud' ? 'linux-image-cloud-amd64' : 'linux-image-amd64'
  const depends = await run('apt-cache', ['depends', '--important', meta]).catch((error: unknown) => {
    throw new Error(`apt does not know ${meta}: run apt-get update`, { cause: error })
  })
  const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1]
  if (name === undefined) throw new Error(`apt does not know what ${meta} depends on: run apt-get update`)
  const candidate = /Candidate: (\S+)/.exec(await run('apt-cache', ['policy', name]))?.[1] ?? 'unknown'
  const entry = `${name}_${candidate.replaceAll(/[^A-Za-z0-9.+~-]/g, '_')}`
  const directory = await cached(entry, (draft) => fetchAndUnpack(name, draft), join(cacheDirectory, 'debian'))
  const release = name.replace('linux-image-', '')
  return {
    release,
    image: join(directory, 'boot', `vmlinuz-${release}`),
    modules: join(directory, 'lib', 'modules', release),
  }
}

async function fetchAndUnpack(name: string, directory: string): Promise<void> {
  if (insideRack()) throw new Error(`${name} is not in the cache and a rack has no internet: build before inRack()`)
  await run('apt-get', ['download', name], { cwd: directory })
  const archive = readdirSync(directory).find((file) => file.endsWith('.deb'))
  if (archive === undefined) throw new Error(`apt-get download ${name} left no package`)
  await run('dpkg-deb', ['-x', archive, '.'], { cwd: directory })
  await run('rm', [archive], { cwd: directory })
}

/** Files of the modules and all they depend on, each after what it needs; unknown names are errors. */
export function modulesInLoadOrder(kernel: DebianKernel, names: readonly string[]): string[] {
  const byName = new Map(
    readdirSync(join(kernel.modules, 'kernel'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ko'))
      .map((path) => [moduleName(path), join(kernel.modules, 'kernel', path)]),
  )
  const ordered = new Set<string>()
  const add = (name: string) => {
    const path = byName.get(moduleName(name))
    if (path === undefined) throw new Error(`kernel ${kernel.release} has no module ${name}`)
    if (ordered.has(path)) return
    dependencies(path).forEach(add)
    ordered.add(path)
  }
  names.forEach(add)
  return [...ordered]
}

const moduleName = (path: string) => basename(path, '.ko').replaceAll('-', '_')

// The .modinfo section of a module is a list of NUL-terminated "key=value".
function dependencies(path: string): string[] {
  const text = readFileSync(path).toString('latin1')
  return (/\0depends=([^\0]*)\0/.exec(text)?.[1] ?? '').split(',').filter(Boolean)
}
