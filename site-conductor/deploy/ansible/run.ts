// One ansible-playbook against one machine. 1. Whom it talks to is known: the machine's host key came from its agent, and no other is accepted. 2. It logs in with a
// key that was made for this run. 3. When it ends, or this conductor does, however, nothing of it is left: it is the first process of a namespace of its own, which
// the kernel ends with it.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { FaultError } from '../../../shared/faults.ts'

export interface Run {
  /** Private to this process's user; of this run alone. */
  readonly folder: string
  readonly path: string
  /** Absolute. */
  readonly playbook: string
  /** Of the operator's playbooks, with an ansible.cfg where they have one. */
  readonly playbooks: string
  readonly tags?: readonly string[] | undefined
  readonly python?: string | undefined
  readonly machine: { readonly node: string; readonly address: string; readonly port: number; readonly hostKey: string }
  readonly keyFile: string
  readonly variables: Readonly<Record<string, unknown>>
  readonly signal: AbortSignal
  onTask(name: string): void
}

/** Exit code of ansible-playbook for a machine that it cannot reach. */
const UNREACHABLE = 4
const MAX_SAID_CHARACTERS = 4_000
/** Of one line of Ansible's, in which is what the machine has said: it may say anything. */
const MAX_LINE_CHARACTERS = 64 * 1024
/** Of a reason, which is kept with the node. */
const MAX_REASON_CHARACTERS = 500
const READ_TIMEOUT_MS = 10_000

/** Rejects with a FaultError that says which task failed, and why; with the signal's reason when that came first. */
export async function runPlaybook(run: Run): Promise<void> {
  const { folder, machine, signal, playbook, python, tags = [] } = run
  const known = join(folder, 'known_hosts')
  const { address, port, hostKey, node } = machine
  await writeFile(known, `${port === 22 ? address : `[${address}]:${port}`} ${hostKey}\n`)
  await writeFile(join(folder, 'variables.json'), JSON.stringify(run.variables), { mode: 0o600 })
  const interpreter = python === undefined ? '' : ` ansible_python_interpreter=${python}`
  const line = `${node} ansible_host=${address} ansible_port=${port} ansible_user=root${interpreter}`
  await writeFile(join(folder, 'inventory'), `conductor ansible_connection=local\n[machines]\n${line}\n`)
  const args = ['-i', join(folder, 'inventory'), '-e', `@${join(folder, 'variables.json')}`]
  if (tags.length > 0) args.push('--tags', tags.join(','))
  const inNamespace = ['--user', '--map-current-user', '--pid', '--fork', '--kill-child=KILL', '--']
  const child = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', '--', 'unshare', ...inNamespace, 'ansible-playbook', ...args, playbook],
    { cwd: run.playbooks, env: await environment(run, known), stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const kill = () => void child.kill('SIGKILL')
  signal.addEventListener('abort', kill, { once: true })
  if (signal.aborted) kill()
  let said = ''
  let failure: string | undefined
  let task = ''
  eachLine(child.stdout, (text) => {
    const [, name] = /^(?:TASK|RUNNING HANDLER) \[(.*)\] \*+$/.exec(text) ?? []
    if (name !== undefined) run.onTask((task = name))
    const [, why] = /^fatal: \[.*?\]: (?:FAILED|UNREACHABLE)! => (\{.*)$/.exec(text) ?? []
    if (why !== undefined) failure = `${task}: ${reasonOf(why)}`
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-MAX_SAID_CHARACTERS)))
  try {
    const [code] = (await once(child, 'close')) as [number | null]
    signal.throwIfAborted()
    if (code === 0) return
    const why = failure ?? (lastOf(said) || `exit code ${code}`)
    throw new FaultError(code === UNREACHABLE ? 'agent.lost' : 'agent.command', `the playbook failed: ${why}`, {
      hint: 'the task that failed is the last one on the timeline',
    })
  } catch (cause) {
    signal.throwIfAborted()
    if (cause instanceof FaultError) throw cause
    throw new FaultError('driver.unsupported', `ansible-playbook cannot be run: ${(cause as Error).message}`, { cause })
  } finally {
    signal.removeEventListener('abort', kill)
  }
}

/** What is longer than a line may be is cut. */
function eachLine(from: Readable, onLine: (line: string) => void): void {
  let begun = ''
  from.setEncoding('utf8').on('data', (text: string) => {
    const lines = (begun + text).split('\n')
    begun = lines.pop()!.slice(0, MAX_LINE_CHARACTERS)
    for (const line of lines) onLine(line.slice(0, MAX_LINE_CHARACTERS))
  })
}

const lastOf = (text: string): string => shortened(text.trim().split('\n').slice(-3).join('; '))

/** Its beginning and its end. */
function shortened(text: string): string {
  const half = MAX_REASON_CHARACTERS / 2
  return text.length <= MAX_REASON_CHARACTERS ? text : `${text.slice(0, half)} … ${text.slice(-half)}`
}

async function environment({ folder, path, playbooks, keyFile }: Run, known: string): Promise<NodeJS.ProcessEnv> {
  const own = join(playbooks, 'ansible.cfg')
  const none = join(folder, 'ansible.cfg')
  await writeFile(none, '')
  const config = await access(own).then(
    () => own,
    () => none,
  )
  const options = {
    ...{ StrictHostKeyChecking: 'yes', UserKnownHostsFile: known, GlobalKnownHostsFile: '/dev/null' },
    ...{ IdentitiesOnly: 'yes', IdentityAgent: 'none', PasswordAuthentication: 'no', BatchMode: 'yes' },
    ...{ ControlMaster: 'no', ServerAliveInterval: '15', ServerAliveCountMax: '4', ConnectTimeout: '20' },
  }
  return {
    PATH: path,
    HOME: folder,
    LANG: 'C.UTF-8',
    ANSIBLE_CONFIG: config,
    ANSIBLE_HOME: folder,
    ANSIBLE_LOCAL_TEMP: join(folder, 'tmp'),
    ANSIBLE_NOCOLOR: '1',
    ANSIBLE_STDOUT_CALLBACK: 'default',
    ANSIBLE_RETRY_FILES_ENABLED: 'False',
    ANSIBLE_HOST_KEY_CHECKING: 'True',
    ANSIBLE_PRIVATE_KEY_FILE: keyFile,
    ANSIBLE_SSH_USETTY: 'False',
    ANSIBLE_SSH_ARGS: `-F /dev/null ${Object.entries(options)
      .map(([name, value]) => `-o ${name}=${value}`)
      .join(' ')}`,
  }
}

/** Ansible's own words, and the end of what the machine said. */
function reasonOf(text: string): string {
  try {
    const { msg = '', stderr, stdout } = JSON.parse(text) as Record<string, unknown>
    const out = [stderr, stdout].map((each) => (typeof each === 'string' ? each.trim() : '')).find(Boolean)
    const own = shortened(String(msg).trim())
    return out === undefined ? own : `${own}: ${lastOf(out)}`
  } catch {
    return shortened(text)
  }
}

/** Tags of a clean step, from a file of Ironic's form; undefined where it does not say. Ansible brings a reader of YAML along. */
export async function tagsOf(file: string, step: string): Promise<readonly string[] | undefined> {
  const script = 'import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))'
  const read = async () => {
    const text = await readFile(file)
    const reading = promisify(execFile)('python3', ['-c', script], { timeout: READ_TIMEOUT_MS })
    // A program that has ended takes nothing, and how it ended says why.
    reading.child.stdin!.on('error', () => {}).end(text)
    return await reading
  }
  const { stdout } = await read().catch((cause: Error) => {
    throw new FaultError('driver.invalid_info', `ansible_clean_steps_config cannot be read: ${cause.message}`, {
      cause,
    })
  })
  const listed: unknown = JSON.parse(stdout)
  const all = Array.isArray(listed) ? (listed as { name?: unknown; args?: { tags?: { value?: unknown } } }[]) : []
  const tags = all.find(({ name }) => name === step)?.args?.tags?.value
  return Array.isArray(tags) ? tags.map(String) : undefined
}
