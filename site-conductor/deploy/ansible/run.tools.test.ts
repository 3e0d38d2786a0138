// One real ansible-playbook against a real dropbear: who is let in, who is believed, and what is left of it. It is root who logs in.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SshServer, type Listening } from '../../../agent/ssh-server.ts'
import { type Run, runPlaybook } from './run.ts'

const HOST = '127.0.0.1'
const PORT = 22_223
/** A key pair in a folder of its own. */
async function keyIn(at: string): Promise<{ file: string; publicKey: string }> {
  await mkdir(at, { recursive: true })
  const file = join(at, 'key')
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', file])
  return { file, publicKey: (await readFile(`${file}.pub`, 'utf8')).trim() }
}

let folder: string
let server: SshServer
let opened: Listening
let key: { file: string; publicKey: string }

beforeAll(async () => {
  if (process.getuid?.() !== 0) throw new Error('these tests log in to this host as root')
  folder = await mkdtemp(join(tmpdir(), 'ferrule-ssh-'))
  const home = join(folder, 'home')
  const enter = ['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" /root && exec "$@"', home]
  server = new SshServer({ folder: join(folder, 'server'), home, listen: HOST, port: PORT, enter })
  key = await keyIn(join(folder, 'run'))
  opened = await server.start(key.publicKey, new AbortController().signal)
})
afterAll(async () => {
  await server.stop()
  await rm(folder, { recursive: true })
})

async function play(tasks: string, more: Partial<Run> = {}): Promise<string[]> {
  const playbook = join(folder, 'play.yaml')
  await writeFile(playbook, `- hosts: machines\n  gather_facts: false\n  tasks:\n${tasks}`)
  const told: string[] = []
  await runPlaybook({
    folder: join(folder, 'run'),
    path: process.env['PATH'] ?? '',
    playbook,
    playbooks: folder,
    machine: { node: 'a-node', address: HOST, port: PORT, hostKey: opened.hostKey },
    keyFile: key.file,
    variables: { ironic: { note: "it's {{ not }} a template" } },
    signal: new AbortController().signal,
    onTask: (name) => void told.push(name),
    ...more,
  })
  return told
}

const TRUE = '    - name: Nothing\n      raw: "true"\n'

test.each([
  ['without an end', 'head -c 30000000 /dev/zero | tr "\\0" x'],
  ['in a reason', `printf 'fatal: [m]: FAILED! => {"msg": "'; head -c 60000 /dev/zero | tr "\\0" x; printf '"}\\n'`],
  [
    'in too long a reason',
    `printf 'fatal: [m]: FAILED! => {"msg": "'; head -c 9000000 /dev/zero | tr "\\0" x; printf '"}\\n'`,
  ],
  ['beside a reason', 'head -c 3000 /dev/zero | tr "\\0" y >&2'],
])('a machine may say very much %s, of which little is kept', async (_, says) => {
  const programs = await mkdtemp(join(folder, 'programs-'))
  await writeFile(join(programs, 'ansible-playbook'), `#!/bin/sh\n${says}\nexit 2\n`, { mode: 0o755 })
  const failed = play(TRUE, { path: `${programs}:${process.env['PATH']}` })
  const { message } = (await failed.catch((error: unknown) => error)) as Error
  expect(message).toMatch(/^the playbook failed: /)
  expect(message.length).toBeLessThan(1_200)
})

test('a machine that shows the host key that its agent told is believed', async () => {
  expect(await play(TRUE)).toEqual(['Nothing'])
})

test('one that shows another is told nothing', async () => {
  const other = await keyIn(join(folder, 'other-host'))
  const machine = { node: 'a-node', address: HOST, port: PORT, hostKey: other.publicKey }
  await expect(play(TRUE, { machine })).rejects.toMatchObject({
    fault: { code: 'agent.lost', message: expect.stringContaining('Host key verification failed') as string },
  })
})

test('another key opens nothing, nor does a password', async () => {
  const { file } = await keyIn(join(folder, 'other'))
  await expect(play(TRUE, { keyFile: file })).rejects.toMatchObject({
    fault: { message: expect.stringContaining('Permission denied (publickey)') as string },
  })
})

test('a port that another program has is not taken for the server', async () => {
  const other = new SshServer({ folder: join(folder, 'second'), home: join(folder, 'home'), listen: HOST, port: PORT })
  await expect(other.start(key.publicKey, new AbortController().signal)).rejects.toThrow('the SSH server did not start')
  opened = await server.start(key.publicKey, new AbortController().signal)
})

test('an abort ends it, and the machine with the next start', async () => {
  const over = new AbortController()
  const mark = `ferrule-${crypto.randomUUID()}`
  const playing = play(`    - name: Stands\n      raw: exec -a ${mark} sleep 600\n`, { signal: over.signal })
  const isRunning = () =>
    spawnSync('sh', ['-c', `cat /proc/[0-9]*/cmdline | tr "\\0" "\\n" | grep -qa ^${mark}`]).status === 0
  await expect.poll(isRunning, { timeout: 20_000 }).toBe(true)
  over.abort(new Error('enough'))
  await expect(playing).rejects.toThrow('enough')
  opened = await server.start(key.publicKey, new AbortController().signal)
  expect(isRunning()).toBe(false)
  expect(execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })).not.toContain(join(folder, 'run', 'inventory'))
})
