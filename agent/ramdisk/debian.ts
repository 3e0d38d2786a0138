// Debian packages from the apt sources of the machine that builds, unpacked without being installed: no root, no scripts run.
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { runTool } from '../tool.ts'

async function must(file: string, args: string[], cwd?: string): Promise<string> {
  const { code, stdout, stderr } = await runTool(file, args, {
    timeoutMs: 600_000,
    maxBytes: 64 * 1024 * 1024,
    ...(cwd && { cwd }),
  })
  if (code !== 0)
    throw new Error(`${file} ${args.slice(0, 6).join(' ')} ended with ${code}: ${stderr.trim().slice(-1500)}`)
  return stdout
}
export { must as runOrThrow }

/** The package behind a kernel metapackage: linux-image-amd64 → linux-image-6.1.0-56-amd64. */
export async function resolveKernel(metapackage: string): Promise<string> {
  const text = await must('apt-cache', ['depends', metapackage])
  const name = /Depends: (linux-image-\S+)/.exec(text)?.[1]
  if (!name) throw new Error(`${metapackage} is not in the apt lists of this machine; run apt-get update`)
  return name
}

/** Downloads and unpacks packages into `folder`/root. Gives the file names, which contain the versions. */
export async function unpackPackages(packages: string[], folder: string): Promise<{ root: string; files: string[] }> {
  const [debs, root] = [join(folder, 'debs'), join(folder, 'root')]
  await mkdir(debs, { recursive: true })
  await mkdir(root, { recursive: true })
  await must('apt-get', ['-q', 'download', ...packages], debs)
  const files = (await readdir(debs)).filter((name) => name.endsWith('.deb')).sort()
  if (files.length !== packages.length)
    throw new Error(`asked apt for ${packages.length} packages, got ${files.length}`)
  for (const file of files) await must('dpkg-deb', ['--extract', join(debs, file), root])
  return { root, files }
}

/** Where a Debian architecture keeps its dynamic linker and libraries. */
export const linkers: Record<string, { debian: string; triplet: string; linker: string; interpreter: string }> = {
  x64: {
    debian: 'amd64',
    triplet: 'x86_64-linux-gnu',
    linker: 'ld-linux-x86-64.so.2',
    interpreter: 'usr/lib64/ld-linux-x86-64.so.2',
  },
  arm64: {
    debian: 'arm64',
    triplet: 'aarch64-linux-gnu',
    linker: 'ld-linux-aarch64.so.1',
    interpreter: 'usr/lib/ld-linux-aarch64.so.1',
  },
}

export interface Loader {
  /** Runs a program of the unpacked tree with the tree's own libraries. */
  run(program: string, args: string[], argv0?: string): Promise<string>
  /** Files of all libraries that the programs need: name → path on this machine. Throws when one is missing. */
  libraries(programs: string[]): Promise<Map<string, string>>
  /** Path of the dynamic linker in the tree, and the one that programs name in their header (relative to /). */
  readonly linker: string
  readonly interpreter: string
}

/** `more`: folders below that of libraries, in which some are. */
export function loaderOf(root: string, more: readonly string[] = []): Loader {
  const arch = linkers[process.arch]
  if (!arch) throw new Error(`no ramdisk for ${process.arch}`)
  const usual = [`lib/${arch.triplet}`, `usr/lib/${arch.triplet}`]
  const folders = [...usual, ...more.map((folder) => `usr/lib/${arch.triplet}/${folder}`)].map((folder) =>
    join(root, folder),
  )
  const linker = join(root, 'lib', arch.triplet, arch.linker)
  const load = ['--library-path', folders.join(':')]
  return {
    linker,
    interpreter: arch.interpreter,
    run: (program, args, argv0) => must(linker, [...load, ...(argv0 ? ['--argv0', argv0] : []), program, ...args]),
    async libraries(programs) {
      const found = new Map<string, string>()
      for (const program of programs) {
        const text = await must(linker, [...load, '--list', program])
        for (const [, name = '', path = ''] of text.matchAll(/^\s*(\S+) => (.+?) \(0x/gm)) {
          if (!path.startsWith(root)) throw new Error(`${program} needs ${name}, which is in none of the packages`)
          found.set(name, path)
        }
        const missing = /^\s*(\S+) => not found/m.exec(text)?.[1]
        if (missing) throw new Error(`${program} needs ${missing}, which is in none of the packages`)
      }
      return found
    },
  }
}
