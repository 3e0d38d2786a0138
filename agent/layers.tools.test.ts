// Layers as the kernel and Debian's cpio have them, in namespaces of the test's own.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { zstdCompressSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { encodeArchive, withFolders } from './ramdisk/newc.ts'
import { temporaryFolder } from './testing.ts'
import { tool } from './testdata/host-tools.ts'

const whole = zstdCompressSync(
  encodeArchive(
    withFolders([
      { path: 'file', kind: 'file', content: Buffer.from('x'), mode: 0o644 },
      ...['dev', 'proc', 'sys'].map((path) => ({ path, kind: 'folder' as const })),
    ]),
  ),
)

/** Adds the layers that it is told of one after another, and says how each went and what is mounted then. */
const ENTRY = `
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { realLayers } from ${JSON.stringify(new URL('layers.ts', import.meta.url).href)}
const [folder, ...archives] = process.argv.slice(1)
const layers = realLayers(join(folder, 'layers'))
const said = []
for (const archive of archives) {
  const added = await layers.add('one', archive, await readFile(join(folder, archive))).then(() => 'added', (error) => error.type)
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\\n').filter((line) => line.split(' ')[4] === join(folder, 'layers/one'))
  const known = []
  for (const each of archives) if (await layers.known('one', each)) known.push(each)
  said.push({ added, mounts: mounts.length, known })
}
console.log(JSON.stringify(said))
`

it('a layer that cannot be unpacked leaves no memory in use, and nobody takes what is there for a layer', async () => {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, 'whole'), whole)
  await writeFile(join(folder.path, 'broken'), whole.subarray(0, 40))
  const run = async (...archives: string[]): Promise<unknown> => {
    const node = [process.execPath, '--input-type=module', '-e', ENTRY, folder.path, ...archives]
    return JSON.parse(await tool('unshare', '--user', '--map-root-user', '--mount', ...node))
  }
  expect(await run('whole', 'broken', 'whole')).toEqual([
    { added: 'added', mounts: 1, known: ['whole', 'whole'] },
    { added: 'ProgramMissing', mounts: 1, known: [] },
    { added: 'added', mounts: 2, known: ['whole', 'whole'] },
  ])
})
