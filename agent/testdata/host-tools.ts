// How tests look at a machine's disks from outside: by Debian's programs, never by our own code.
import { open, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { programPath } from '../../lab/debian-packages.ts'
import { runTool } from '../tool.ts'

/** Standard output. Throws when the program is missing or fails. */
export async function tool(file: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, PATH: programPath, LC_ALL: 'C' }
  const { code, stdout, stderr } = await runTool(file, args, { env, timeoutMs: 300_000 })
  if (code === 127) throw new Error(`${file} is missing: apt-get install qemu-system-x86 qemu-utils gdisk xorriso`)
  if (code !== 0) throw new Error(`${file} ${args.join(' ')}: ${stderr || stdout}`)
  return stdout
}

export async function readRange(path: string, offset: number, length: number): Promise<Buffer> {
  const file = await open(path)
  try {
    return (await file.read(Buffer.alloc(length), 0, length, offset)).buffer
  } finally {
    await file.close()
  }
}

/** Writes into a file that keeps its size. */
export async function put(path: string, offset: number, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'r+')
  await file.write(bytes, 0, bytes.length, offset)
  await file.close()
}

/** A raw, sparse copy of a qcow2 file beside it. */
export async function rawOf(qcow2: string): Promise<string> {
  const raw = `${qcow2}.raw`
  await tool('qemu-img', 'convert', '-f', 'qcow2', '-O', 'raw', qcow2, raw)
  return raw
}

/** Throws unless the disk holds these bytes at its start and zeros up to its end. */
export async function expectDisk(qcow2: string, start: Uint8Array): Promise<void> {
  const { 'virtual-size': bytes } = JSON.parse(await tool('qemu-img', 'info', '--output=json', qcow2)) as {
    'virtual-size': number
  }
  const expected = `${qcow2}.expected`
  await writeFile(expected, start)
  await truncate(expected, bytes)
  await tool('qemu-img', 'compare', '-f', 'qcow2', '-F', 'raw', qcow2, expected)
}

/** A config drive as clients send it, and the volume in it. */
export async function configDrive(folder: string): Promise<{ volume: Buffer; text: string }> {
  const [json, iso] = [join(folder, 'meta_data.json'), join(folder, 'config.iso')]
  await writeFile(json, '{"uuid": "u", "hostname": "node-1"}')
  await tool('xorriso', '-as', 'mkisofs', '-quiet', '-V', 'config-2', '-J', '-r', '-o', iso, json)
  const volume = await readFile(iso)
  return { volume, text: gzipSync(volume).toString('base64') }
}

/** Partitions as sgdisk sees them in a GPT or an MBR, by number, in bytes. */
export async function partitions(raw: string): Promise<Map<number, { start: number; size: number; name: string }>> {
  const table = await tool('sgdisk', '--print', raw)
  const rows = table.matchAll(/^ +(\d+) +(\d+) +(\d+) +\S+ \S+ +[0-9A-F]{4} *(.*)$/gm)
  return new Map(
    [...rows].map(([, number, first, last, name = '']) => {
      const start = Number(first) * 512
      return [Number(number), { start, size: (Number(last) + 1) * 512 - start, name: name.trim() }]
    }),
  )
}
