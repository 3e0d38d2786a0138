// The layer of burn-ins in the real ramdisk: fetched, unpacked and run; the ramdisk itself has neither stress-ng nor fio.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { IncomingHttpHeaders } from 'node:http'
import { expect, it } from 'vitest'
import { buildLayer } from './ramdisk/build.ts'
import { HOST, savedAgent } from './testdata/saved-agent.ts'
import { serveBytes, serveHttp, testNode } from './testing.ts'

it('CPU, memory and a disk are burnt in by programs that the ramdisk does not have', async () => {
  const packed = await readFile(await buildLayer('burnin', console.log))
  const sha256 = createHash('sha256').update(packed).digest('hex')
  const asked: IncomingHttpHeaders[] = []
  await using server = await serveHttp(serveBytes(packed, asked))
  await using agent = await (await savedAgent()).goOn()
  await agent.addDisk({ sizeMiB: 16, serial: 'small' })
  const url = `${server.url.replace('127.0.0.1', HOST)}/layer`
  const driver_info = {
    ...{ agent_burnin_cpu_timeout: 1, agent_burnin_vm_timeout: 1, 'agent_burnin_vm_vm-bytes': '32m' },
    ...{ agent_burnin_fio_disk_loops: 1, agent_burnin_fio_disk_smart_test: true },
  }
  const burn = async (step: string, layers: object | undefined) => {
    const params = { step: { interface: 'deploy', step }, node: { ...testNode, driver_info }, ports: [] }
    return await agent.command('clean.execute_clean_step', { ...params, ...(layers && { layers }) })
  }
  expect(await burn('burnin_cpu', undefined)).toMatchObject({ command_error: { type: 'ProgramMissing' } })
  const layers = { burnin: { url, sha256 } }
  for (const [step, words] of [
    ['burnin_cpu', /burnin_cpu: [1-9]\d* operations/],
    ['burnin_memory', /burnin_memory: [1-9]\d* operations/],
    ['burnin_disk', /burnin_disk: \/dev\/vda \d+ bytes written, \d+ read; no test of their own: \/dev\/vda/],
  ] as const) {
    const { command_error: error, command_result: result } = await burn(step, layers)
    expect([step, error]).toEqual([step, null])
    expect(JSON.stringify(result)).toMatch(words)
  }
  expect(asked).toHaveLength(1)
})
