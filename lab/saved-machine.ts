// Machines that go on from where another one was saved: booting takes ten seconds and more, going on takes one. What is saved is the machine with its
// memory (QEMU's migration to a file) and what its maker wants to know about it; the entry is in .cache/lab, under a hash of all that decided it.
// 1. A copy has no disk until it is given one: addDisk() plugs it in while the machine runs, so that one entry serves all tests. 2. Its clock goes on
// from the moment of saving, and all copies draw the same random numbers. 3. Nothing of a copy outlives the process that made it.
import { existsSync, readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { countBoot } from './boot-count.ts'
import { cached, cacheDirectory, contentHash } from './cache.ts'
import { removeStaleDirectories } from './namespaces.ts'
import { PlainMachine, type PlainMachineSpec } from './plain-machine.ts'
import type { Qmp } from './qmp.ts'
import { run } from './run.ts'

export interface SavedMachineSpec extends PlainMachineSpec {
  readonly name: string
  readonly kernel: string
  readonly initrd: string
  /** Identifies kernel and initrd by what is in them. */
  readonly bootHash: string
}

const SAVE_WITHIN_MS = 120_000
const GO_ON_WITHIN_MS = 60_000
/** Agents' certificates are good for 90 days. */
const OLDEST_MS = 30 * 86_400_000
const UNUSED_MS = 2 * 86_400_000
/** A build that takes longer has died. */
const UNFINISHED_MS = 3_600_000
const [STATE, FACTS] = ['machine.state', 'facts.json']
/** Paths reach the shell that QEMU starts without being part of its command. */
const STATE_VARIABLE = 'FERRULE_SAVED_STATE'
/** For the driver that a guest loads at boot; pulled before the machine is saved. (Debian's kernel has NVMe built in.) */
const FIRST = 'first'
const FIRST_DISK = [
  ...['-blockdev', `driver=null-co,node-name=${FIRST},size=1048576,read-zeroes=on`],
  ...['-device', `virtio-blk-pci,drive=${FIRST},id=${FIRST}`],
]

/** What was saved, and how to go on from there. */
export interface Saved<Facts> {
  readonly directory: string
  readonly facts: Facts
  /** Another copy of the machine; resolves when it runs. */
  goOn(): Promise<PlainMachine>
}

/**
 * The saved machine, which is made when it is not there. `boot` starts it with kernel arguments of its own, waits until it is where it is to be saved,
 * and resolves with what users of the copies must know.
 */
export async function saveMachine<Facts>(
  spec: SavedMachineSpec,
  boot: (start: (kernelArguments: string) => PlainMachine) => Promise<Facts>,
  log: (line: string) => void = () => {},
  root = join(cacheDirectory, 'lab'),
): Promise<Saved<Facts>> {
  const qemu = await run('qemu-system-x86_64', ['--version'])
  const recipe = ['saved-machine.ts', 'plain-machine.ts'].map((file) => readFileSync(join(import.meta.dirname, file)))
  const hash = contentHash([JSON.stringify({ ...spec, kernel: '', initrd: '' }), qemu, ...recipe])
  const name = `saved-${spec.name}-${hash}`
  removeExpired(root, spec.name, name)
  removeStaleDirectories()
  const directory = await cached(name, (draft) => save(spec, boot, draft, log), root)
  const now = new Date()
  utimesSync(directory, now, now) // it was used
  const facts = JSON.parse(readFileSync(join(directory, FACTS), 'utf8')) as Facts
  return { directory, facts, goOn: () => goOn(spec, join(directory, STATE)) }
}

async function save<Facts>(
  spec: SavedMachineSpec,
  boot: (start: (kernelArguments: string) => PlainMachine) => Promise<Facts>,
  draft: string,
  log: (line: string) => void,
): Promise<void> {
  const started = performance.now()
  const seconds = () => ((performance.now() - started) / 1000).toFixed(1)
  let machine: PlainMachine | undefined
  try {
    const facts = await boot((kernelArguments) => {
      const more = ['-kernel', spec.kernel, '-initrd', spec.initrd, '-append', kernelArguments, ...FIRST_DISK]
      countBoot(spec.name)
      return (machine = new PlainMachine(spec, more, { [STATE_VARIABLE]: join(draft, STATE) }))
    })
    if (machine === undefined) throw new Error(`nobody started ${spec.name}`)
    const { qmp } = machine
    const bootedAfter = seconds()
    await pull(qmp, FIRST)
    await qmp.execute('stop')
    // By default it saves at 128 MiB a second, to be kind to a network.
    await qmp.execute('migrate-set-parameters', { 'max-bandwidth': 2 ** 40 })
    await qmp.execute('migrate', { uri: `exec:cat > "$${STATE_VARIABLE}"` })
    await qmp.status('query-migrate', 'completed', ['failed', 'cancelled'], SAVE_WITHIN_MS)
    writeFileSync(join(draft, FACTS), JSON.stringify(facts))
    const megabytes = (statSync(join(draft, STATE)).size / 1e6).toFixed(0)
    log(`${spec.name}: booted in ${bootedAfter} s, saved after ${seconds()} s, ${megabytes} MB`)
  } finally {
    await machine?.[Symbol.asyncDispose]()
  }
}

/** Asks the guest to let go of a device and waits until it has. */
async function pull(qmp: Qmp, id: string): Promise<void> {
  const end = Date.now() + GO_ON_WITHIN_MS
  await qmp.execute('device_del', { id })
  for (;;) {
    const devices = (await qmp.execute('qom-list', { path: '/machine/peripheral' })) as { name: string }[]
    if (!devices.some(({ name }) => name === id)) return
    if (Date.now() > end) throw new Error(`the guest did not let go of ${id}`)
    await sleep(50)
  }
}

async function goOn(spec: SavedMachineSpec, state: string): Promise<PlainMachine> {
  const boot = ['-kernel', spec.kernel, '-initrd', spec.initrd]
  const more = [...boot, '-incoming', `exec:cat "$${STATE_VARIABLE}"`]
  const machine = new PlainMachine(spec, more, { [STATE_VARIABLE]: state })
  try {
    await machine.qmp.status('query-status', 'paused', ['internal-error', 'guest-panicked'], GO_ON_WITHIN_MS)
    await machine.qmp.execute('cont')
    return machine
  } catch (error) {
    await machine[Symbol.asyncDispose]()
    throw error
  }
}

/**
 * Entries of other builds that nobody used for days, the wanted one when it has grown old, and what builds left that were killed. Whoever reads one goes on
 * reading.
 */
export function removeExpired(root: string, machine: string, wanted: string): void {
  if (!existsSync(root)) return
  const ageMs = (path: string) => Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
  for (const name of readdirSync(root)) {
    const path = join(root, name)
    const isDraft = name.startsWith(`.saved-${machine}-`)
    if (!isDraft && !name.startsWith(`saved-${machine}-`)) continue
    const isUnused = name !== wanted && ageMs(path) > (isDraft ? UNFINISHED_MS : UNUSED_MS)
    if (isUnused || ageMs(join(path, STATE)) > OLDEST_MS) rmSync(path, { recursive: true, force: true })
  }
}
