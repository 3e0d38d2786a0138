// What becomes of the answers of stress-ng, fio and smartctl: programs that are not there are played. The real ones are in e2e/burn-in.tools.test.ts.
import { createHash } from 'node:crypto'
import { chmod, writeFile } from 'node:fs/promises'
import type { IncomingHttpHeaders } from 'node:http'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { Layers } from '../../layers.ts'
import { executeStep } from '../../step-list.ts'
import {
  fakeContext,
  fakeMachine,
  fileDisk,
  MIB,
  serveBytes,
  serveHttp,
  temporaryFolder,
  testNode,
} from '../../testing.ts'
import type { ToolResult } from '../../tool.ts'
import { selfTest } from './self-test.ts'

type Play = (file: string, args: readonly string[]) => Partial<ToolResult>
const LAYER = Buffer.from('a layer')
const sha256 = createHash('sha256').update(LAYER).digest('hex')

/** `isOwn`: the ramdisk has the programs by itself. */
function programs(play: Play, isOwn = true) {
  const [ran, added]: [string[], string[]] = [[], []]
  const all = {
    root: '/',
    run: async (file: string, args: readonly string[]) => {
      ran.push([file, ...args].join(' '))
      return { code: 0, stdout: '', stderr: '', ...play(file, args) }
    },
  }
  const layers: Layers = {
    own: async () => (isOwn ? all : undefined),
    known: async (name, digest) => (added.some((one) => one.startsWith(`${name} ${digest} `)) ? all : undefined),
    async add(name, digest, packed) {
      added.push(`${name} ${digest} ${Buffer.from(packed).toString()}`)
      return all
    },
  }
  return { layers, ran, added, all }
}

const order = (step: string, driver_info: object = {}, more: object = {}) => ({
  step: { step },
  node: { ...testNode, driver_info },
  ports: [],
  ...more,
})
const METRICS =
  'stress-ng: metrc: [7] cpu                 334      1.02      0.20      0.00       327.72        1708.61'

it('stress-ng is told what driver_info says, and to verify', async () => {
  const { layers, ran } = programs(() => ({ stderr: METRICS }))
  const context = fakeContext(fakeMachine([], { layers }))
  const info = { agent_burnin_cpu_cpu: '2', agent_burnin_cpu_timeout: 60 }
  const answer = await executeStep('clean', context, order('burnin_cpu', info))
  expect(answer).toMatchObject({ clean_result: { result: 'burnin_cpu: 334 operations in 1.0 s' } })
  await executeStep('service', context, order('burnin_cpu')).catch(() => {})
  expect(ran).toEqual([
    'stress-ng --cpu 2 --timeout 60s --metrics-brief --verify',
    'stress-ng --cpu 0 --timeout 86400s --metrics-brief --verify',
  ])
})

it.each([
  ['an exit code', { code: 2, stderr: 'cpu: ackermann error detected' }, 'ackermann error'],
  ['a run that says nothing', {}, 'does not say'],
])('%s fails the step', async (_, result, words) => {
  const { layers } = programs(() => result)
  const failing = executeStep('clean', fakeContext(fakeMachine([], { layers })), order('burnin_memory'))
  const fault = await failing.then(undefined, (error: { type: string; message: string; details: string }) => error)
  expect(fault).toMatchObject({ type: 'BurnInError' })
  expect(JSON.stringify([String((fault as { message: unknown }).message), fault])).toContain(words)
})

it.each([
  ['agent_burnin_vm_vm-bytes', '98% --exec /bin/sh'],
  ['agent_burnin_cpu_timeout', -1],
  ['agent_burnin_fio_network_config', { role: 'writer', partner: '--output=/etc/passwd' }],
  ['agent_burnin_gpu_install_dir', 'gpu'],
])('driver_info %s=%j is refused, and nothing is run', async (name, value) => {
  const { layers, ran } = programs(() => ({}))
  const context = fakeContext(fakeMachine([], { layers }))
  await expect(executeStep('clean', context, order('burnin_memory', { [name]: value }))).rejects.toThrow(name)
  expect(ran).toEqual([])
})

it('a layer is fetched and judged by its digest before anything of it is run', async () => {
  const { layers, added } = programs(() => ({ stderr: METRICS }), false)
  const asked: IncomingHttpHeaders[] = []
  await using server = await serveHttp(serveBytes(LAYER, asked))
  const context = fakeContext(fakeMachine([], { layers }))
  const from = (digest: string) => ({ layers: { burnin: { url: `${server.url}/x`, sha256: digest } } })
  await executeStep('clean', context, order('burnin_cpu', {}, from(sha256)))
  expect(added).toEqual([`burnin ${sha256} a layer`])
  await executeStep('clean', context, order('burnin_memory', {}, from(sha256))).catch(() => {})
  expect(asked, 'a layer that is there is not fetched again').toHaveLength(1)
  const wrong = executeStep('clean', context, order('burnin_cpu', {}, from('0'.repeat(64))))
  await expect(wrong).rejects.toMatchObject({ type: 'ImageChecksumError' })
  await expect(executeStep('clean', context, order('burnin_cpu'))).rejects.toMatchObject({ type: 'ProgramMissing' })
  expect(added).toHaveLength(1)
})

const fio = (jobs: object[]) => JSON.stringify({ jobs })
const job = (jobname: string, error = 0) => ({
  jobname,
  error,
  total_err: error,
  read: { io_bytes: 5 },
  write: { io_bytes: 7 },
})

it('fio works on each disk that may be erased, and on no other', async () => {
  await using folder = await temporaryFolder()
  const disks = await Promise.all(
    [['sda'], ['sdb'], ['sdc', { readOnly: true }], ['sdd', { serial: 'kept' }]].map(([name, facts]) =>
      fileDisk(folder.path, name as string, MIB, facts as object),
    ),
  )
  const [a, b] = disks.map(({ path }) => path)
  const { layers, ran } = programs(() => ({ stdout: `a line\n${fio([job(a!), job(b!)])}` }))
  const context = fakeContext(fakeMachine(disks, { layers }))
  const properties = { skip_block_devices: [{ serial: 'kept' }] }
  const given = order('burnin_disk', { agent_burnin_fio_disk_loops: 2, agent_burnin_fio_disk_runtime: 9 })
  const answer = await executeStep('clean', context, { ...given, node: { ...given.node, properties } })
  expect(answer).toMatchObject({
    clean_result: {
      result: `burnin_disk: ${a} 7 bytes written, 5 read; ${b} 7 bytes written, 5 read; left out: sdc (read-only), sdd (skip_block_devices)`,
    },
  })
  expect(ran[0]).toContain(
    `--loops=2 --time_based --runtime=9 --output-format=json --eta=never --name=${a} --filename=${a} --name=${b}`,
  )
  expect(ran[0]).not.toMatch(/sdc|sdd/)
})

it.each([
  [
    'a job with an error',
    (path: string) => ({ stdout: fio([job(path, 84)]), stderr: 'verify: bad magic header at offset 1' }),
    'verify: bad magic',
  ],
  ['an exit code', (path: string) => ({ code: 1, stdout: fio([job(path)]) }), 'exit code 1'],
  ['no answer', () => ({ stdout: 'fio: what' }), 'fio: what'],
])('%s of fio fails the step', async (_, result, words) => {
  await using folder = await temporaryFolder()
  const disk = await fileDisk(folder.path, 'sda', MIB)
  const { layers } = programs(() => result(disk.path))
  const failing = executeStep('clean', fakeContext(fakeMachine([disk], { layers })), order('burnin_disk'))
  const fault = await failing.then(undefined, (error: { message: string; details: string }) => error)
  expect(fault).toMatchObject({ type: 'BurnInError' })
  expect(`${String((fault as { message: unknown }).message)} ${(fault as { details: string }).details}`).toContain(
    words,
  )
})

const ata = (string: string) => JSON.stringify({ ata_smart_data: { self_test: { status: { string } } } })
const nvme = (operation: number, result?: number) =>
  JSON.stringify({
    nvme_self_test_log: {
      current_self_test_operation: { value: operation },
      table: result === undefined ? [] : [{ self_test_result: { value: result, string: 'Aborted: media' } }],
    },
  })

it('a disk’s own test is waited for; one that cannot test itself is said', async () => {
  const answers: Record<string, string[]> = {
    '/dev/sda': [ata('in progress, 90% remaining'), ata('completed without error')],
    '/dev/nvme0n1': [nvme(2), nvme(0, 0)],
    '/dev/sdb': ['{}'],
  }
  const { all } = programs((_, args) => {
    const path = args.at(-1)!
    if (args[0] === '-t') return { code: path === '/dev/vda' ? 4 : 0 }
    return { stdout: answers[path]!.shift()! }
  })
  const context = fakeContext(fakeMachine())
  expect(await selfTest(context, all, ['/dev/sda', '/dev/nvme0n1', '/dev/sdb', '/dev/vda'], 1)).toBe(
    'passed their own test: /dev/sda, /dev/nvme0n1; no test of their own: /dev/vda, /dev/sdb',
  )
})

it('a disk that fails its own test fails the step, with its words', async () => {
  const { all } = programs((_, args) => ({
    stdout: args.at(-1) === '/dev/sda' ? ata('the read element failed') : nvme(0, 7),
  }))
  await expect(selfTest(fakeContext(fakeMachine()), all, ['/dev/sda', '/dev/nvme0n1'], 1)).rejects.toMatchObject({
    type: 'BurnInError',
    details: '/dev/sda: the read element failed; /dev/nvme0n1: Aborted: media',
  })
})

it.each(['', 'smartctl: out of memory', '{"ata_smart_data": {', '[null]'])(
  'a disk of which smartctl says %j has no test of its own, and the others have',
  async (stdout) => {
    const { all } = programs((_, args) => ({ stdout: args.at(-1) === '/dev/sda' ? stdout : nvme(0, 0) }))
    expect(await selfTest(fakeContext(fakeMachine()), all, ['/dev/sda', '/dev/nvme0n1'], 1)).toBe(
      'passed their own test: /dev/nvme0n1; no test of their own: /dev/sda',
    )
  },
)

it('GPUs are counted and burnt in by the program of the operator’s ramdisk', async () => {
  await using folder = await temporaryFolder()
  const program = join(folder.path, 'gpu_burn')
  await writeFile(
    program,
    '#!/bin/sh\nif [ "$1" = -l ]; then echo "ID 0: a GPU"; else echo "100.0%  GPU 0: $GPU"; fi\n',
  )
  await chmod(program, 0o755)
  const context = fakeContext(fakeMachine())
  const info = { agent_burnin_gpu_install_dir: folder.path, agent_burnin_gpu_timeout: 5 }
  const answer = await executeStep('clean', context, order('burnin_gpu', { ...info, agent_burnin_gpu_count: 1 }))
  expect(answer).toMatchObject({ clean_result: { result: 'burnin_gpu: 5 s without a fault' } })
  const two = executeStep('clean', context, order('burnin_gpu', { ...info, agent_burnin_gpu_count: 2 }))
  await expect(two).rejects.toThrow('there are 1 GPUs, and should be 2')
  await writeFile(program, '#!/bin/sh\necho "GPU 0: FAULTY"\n')
  await expect(executeStep('clean', context, order('burnin_gpu', info))).rejects.toThrow('faulty GPU')
  const none = executeStep('clean', context, order('burnin_gpu', { agent_burnin_gpu_install_dir: '/nonexistent' }))
  await expect(none).rejects.toMatchObject({ type: 'ProgramMissing' })
})
