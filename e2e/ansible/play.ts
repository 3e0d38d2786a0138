// Plays a playbook of this folder with Debian's ansible-playbook, on this machine alone.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a task's module answered. */
export interface Result {
  readonly changed: boolean
  readonly failed?: boolean
  readonly skipped?: boolean
  readonly msg?: string
  readonly [field: string]: unknown
}

export interface Played {
  /** By the task's name. */
  readonly tasks: Readonly<Record<string, Result>>
  readonly changed: number
  readonly failures: number
}

/**
 * The modules of Debian's package ansible (openstack.cloud 1.10) refuse openstacksdk from 0.99 on, and Debian has 0.101, with which most of them work.
 * So its metadata says another version here; the code of both is as it is in the packages.
 */
function olderByName(folder: string): string {
  const info = join(folder, 'openstacksdk-0.98.999.dist-info')
  mkdirSync(info, { recursive: true })
  writeFileSync(join(info, 'METADATA'), 'Metadata-Version: 2.1\nName: openstacksdk\nVersion: 0.98.999\n')
  return folder
}

/** `home`: a folder for what Ansible leaves behind. Throws when it did not come to its end. */
export async function play(playbook: string, home: string, vars: Readonly<Record<string, string>>): Promise<Played> {
  const args = ['-i', 'localhost,', '-c', 'local', '-e', JSON.stringify(vars), join(import.meta.dirname, playbook)]
  const child = spawn('/usr/bin/ansible-playbook', args, {
    env: {
      PATH: '/usr/bin:/bin',
      HOME: home,
      LC_ALL: 'C.UTF-8',
      PYTHONPATH: olderByName(join(home, 'metadata')),
      ANSIBLE_PIPELINING: 'true',
      ANSIBLE_PYTHON_INTERPRETER: '/usr/bin/python3',
      ANSIBLE_STDOUT_CALLBACK: 'ansible.posix.json',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [out, error] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (error += text))
  await once(child, 'close')
  if (!out.startsWith('{')) throw new Error(`${playbook} was not played: ${out}${error}`)
  const { plays, stats } = JSON.parse(out) as Told
  const { changed, failures } = stats['localhost']!
  const tasks = plays.flatMap((each) => each.tasks.map(({ task, hosts }) => [task.name, hosts['localhost']!] as const))
  return { tasks: Object.fromEntries(tasks), changed, failures }
}

/** As the callback has it. */
interface Told {
  readonly plays: { tasks: { task: { name: string }; hosts: Record<string, Result> }[] }[]
  readonly stats: Record<string, { changed: number; failures: number }>
}
