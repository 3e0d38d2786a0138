// The volume by a third party's eyes (xorriso), as it is served for one boot; that machines boot from it, e2e/boot-iso.lab.test.ts shows.
import { execFile } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { BootIsos, bootPatch, type BootIso } from './boot-iso.ts'
import { HttpBootServer } from '../http-boot/server.ts'

let folder: string
let isos: BootIsos
const at = (name: string) => join(folder, name)
const ramdisk = () => ({ kernel: at('kernel'), initrd: at('initrd') })

const isosHere = () => new BootIsos({ folder: at('isos'), maxBytes: 100 * 2 ** 20, isServed: () => false })

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ferrule-boot-iso-'))
  isos = isosHere()
  writeFileSync(at('kernel-6.12'), 'not a kernel')
  symlinkSync('kernel-6.12', at('kernel'))
  writeFileSync(at('initrd'), Buffer.alloc(3_000_001, 'initrd'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const volumes = () =>
  readdirSync(at('isos'))
    .filter((name) => !name.endsWith('.used'))
    .map((name) => at(`isos/${name}`))
const xorriso = (...args: string[]) => promisify(execFile)('xorriso', args)

/** As it comes over HTTP. */
async function served(iso: BootIso, kernelArguments: string): Promise<string> {
  const server = new HttpBootServer({ address: '127.0.0.1', port: 0 })
  await server.start()
  const patch = bootPatch(iso, kernelArguments)
  server.publish('/t/boot.iso', { kind: 'file', path: iso.path, contentType: 'application/vnd.efi-iso', patch })
  writeFileSync(at('served.iso'), Buffer.from(await (await fetch(`${server.origin}/t/boot.iso`)).arrayBuffer()))
  await server.close()
  return at('served.iso')
}

test('holds kernel, ramdisk and the arguments of one boot, and starts in BIOS and UEFI', async () => {
  const iso = await served(await isos.get(ramdisk()), 'console=ttyS0 ipa-agent-token=t0ken')
  await xorriso('-osirrox', 'on', '-indev', iso, '-extract', '/', at('out'))
  expect(readFileSync(at('out/kernel')).equals(readFileSync(at('kernel')))).toBe(true)
  expect(readFileSync(at('out/ramdisk')).equals(readFileSync(at('initrd')))).toBe(true)
  expect(readFileSync(at('out/boot/grub/grub.cfg'), 'utf8').trimEnd().split('\n')).toEqual([
    'echo "Ferrule: loading the deploy ramdisk"',
    "linux /kernel 'console=ttyS0' 'ipa-agent-token=t0ken'",
    'initrd /ramdisk',
    'boot',
    'echo "Ferrule: that failed, this machine starts again in 30 s"',
    'sleep 30',
    'reboot',
  ])
  const { stdout } = await xorriso('-indev', iso, '-report_el_torito', 'plain')
  expect(stdout).toMatch(/El Torito boot img :\s+1\s+BIOS\s+y/)
  expect(stdout).toMatch(/El Torito boot img :\s+2\s+UEFI\s+y/)
})

test('is made once for all boots, by whoever asks first, and anew for another ramdisk', async () => {
  const [first, second] = await Promise.all([isos.get(ramdisk()), isos.get(ramdisk())])
  expect(second).toEqual(first)
  expect(await isosHere().get(ramdisk()), 'after a restart').toEqual(first)
  expect(volumes()).toHaveLength(1)
  writeFileSync(at('initrd'), 'a newer one')
  expect((await isos.get(ramdisk())).path).not.toBe(first.path)
})

test('what nothing has booted from for a week goes, and what a killed conductor has left', async () => {
  const first = await isos.get(ramdisk())
  writeFileSync(at('isos/new-abc'), 'half')
  const old = new Date(Date.now() - 8 * 86_400_000)
  for (const path of [first.path, at('isos/new-abc')]) utimesSync(path, old, old)
  writeFileSync(at('initrd'), 'a newer one')
  const second = await isos.get(ramdisk())
  expect(volumes()).toEqual([second.path])
})

test('a volume that is booted from again keeps the tag by which its readers know it', async () => {
  const before = statSync((await isos.get(ramdisk())).path, { bigint: true })
  const after = statSync((await isos.get(ramdisk())).path, { bigint: true })
  expect([after.ino, after.mtimeNs]).toEqual([before.ino, before.mtimeNs])
})

test('volumes are made one at a time', async () => {
  mkdirSync(at('bin'))
  const program = `#!/bin/sh
mkdir '${at('lock')}' || exit 1
for each; do case "$each" in --output=*) out="\${each#*=}" ;; boot/grub/grub.cfg=*) config="\${each#*=}" ;; esac; done
sleep 0.2
cp "$config" "$out" && rmdir '${at('lock')}'
`
  writeFileSync(at('bin/grub-mkrescue'), program, { mode: 0o755 })
  const path = process.env['PATH']
  process.env['PATH'] = `${at('bin')}:${path}`
  try {
    writeFileSync(at('other'), 'another ramdisk')
    const made = await Promise.all([isos.get(ramdisk()), isos.get({ ...ramdisk(), initrd: at('other') })])
    expect(new Set(made.map((each) => each.path)).size).toBe(2)
  } finally {
    process.env['PATH'] = path
  }
})

test('every command line that may be given to a kernel has room', async () => {
  const longest = Array.from({ length: 999 }, () => 'a').join(' ')
  expect(bootPatch({ path: '/', configAtByte: 0 }, longest).bytes).toHaveLength(8192)
  expect(() => bootPatch({ path: '/', configAtByte: 0 }, "quote='")).toThrow('a quote')
})

test('a host without the programs says what to install', async () => {
  const path = process.env['PATH']
  process.env['PATH'] = '/usr/lib/nothing'
  try {
    await expect(isos.get(ramdisk())).rejects.toMatchObject({
      fault: { code: 'driver.unsupported', hint: expect.stringContaining('apt-get install grub-common') },
    })
    expect(readdirSync(at('isos'))).toEqual([])
  } finally {
    process.env['PATH'] = path
  }
})
