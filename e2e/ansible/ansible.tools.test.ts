// Debian's Ansible and its OpenStack modules against a site of fake hardware, with and without tokens. Judged is what a module answers, what node and timeline
// say, and what was done to the machine.
import { join } from 'node:path'
import { expect, test, type TestContext } from 'vitest'
import { follow } from '../fake-node.ts'
import { startStory } from '../story.ts'
import { play } from './play.ts'

/** A site, with what its playbooks are to know. */
async function started(context: TestContext, noAuth?: true) {
  const conductorConfig = { boot: false, drivers: ['fake-hardware'] }
  const story = await startStory(context, { machines: 0, conductorConfig, ...(noAuth && { noAuth }) })
  const { url, token } = story.cloud
  const vars = { url, token, uuid: crypto.randomUUID(), name: 'n1', rack: 'a' }
  const run = (playbook: string, more: object = {}) =>
    play(playbook, join(story.folder, 'ansible'), { ...vars, ...more })
  return { story, run, uuid: vars.uuid }
}

test.concurrent(
  'a machine is enrolled, inspected, deployed, operated, undeployed and deleted, and nothing is done twice',
  { timeout: 300_000 },
  async (context) => {
    const { story, run, uuid } = await started(context, true)
    await using _ = story
    const { api } = story
    const { machine, did, path } = follow(api, uuid)

    const enrolled = await run('site.yml')
    expect(enrolled).toMatchObject({ changed: 2, failures: 0, tasks: { node: { uuid, provision_state: 'available' } } })
    expect(await api.node(uuid)).toMatchObject({ name: 'n1', properties: { memory_mb: 32_768 } })
    const { ports } = (await api.call('GET', `/nodes/${uuid}/ports?fields=address,physical_network,extra`)) as {
      ports: unknown[]
    }
    expect(ports).toMatchObject([{ address: '52:54:00:00:08:01' }, { physical_network: 'p1', extra: { rack: 'a' } }])

    expect(await run('inspect.yml')).toMatchObject({ changed: 1, failures: 0 })
    expect(did()).toEqual(expect.arrayContaining(['inspected', 'metadata erased']))
    expect(await path()).toEqual(expect.arrayContaining(['manageable', 'inspecting', 'cleaning', 'available']))
    expect(await run('site.yml'), 'what was found is what was said').toMatchObject({ changed: 0, failures: 0 })
    const moved = { name: 'n2', rack: 'b' }
    expect((await run('site.yml', moved)).tasks).toMatchObject({
      node: { changes: ['/name'] },
      port: { changes: { extra: { from: { rack: 'a' }, to: { rack: 'b' } } } },
    })

    expect((await run('deploy.yml', moved)).tasks).toMatchObject({ deploy: { result: 'node activated' } })
    expect(did()).toEqual(expect.arrayContaining(['image http://images/a.raw', 'config drive', 'boot device disk']))
    expect((await path()).at(-1)).toBe('active')
    const again = await run('deploy.yml', moved)
    expect(again).toMatchObject({ changed: 0, tasks: { deploy: { result: 'Node already in an active state.' } } })
    expect(did()).toEqual([])

    const { tasks: operated, failures } = await run('operate.yml', moved)
    expect([failures, did()]).toEqual([0, ['power off', 'power on']])
    expect(operated).toMatchObject({
      port: { baremetal_ports: [{ physical_network: 'p1', extra: { rack: 'b' } }] },
      'power off': { changed: true },
      'power on': { changed: true },
      maintenance: { changed: true },
      'same maintenance': { changed: false },
      'maintenance over': { changed: true },
    })
    const told = (await api.timeline(uuid)).filter(({ type }) => type === 'node.maintenance')
    expect(told).toHaveLength(2)

    expect(await run('retire.yml')).toMatchObject({ changed: 3, failures: 0 })
    expect([machine.disk, machine.power]).toEqual([undefined, 'power off'])
    await expect(api.node(uuid)).rejects.toMatchObject({ status: 404 })
    expect(await run('retire.yml')).toMatchObject({ changed: 0, failures: 0 })
  },
)

test.concurrent('what is refused fails its task, and leaves nothing behind', { timeout: 300_000 }, async (context) => {
  const { story, run, uuid } = await started(context)
  await using _ = story
  const { api } = story
  await api.call('POST', '/nodes', { uuid, name: 'n1', driver: 'fake-hardware' })
  const { tasks } = await run('refusals.yml')
  expect(Object.entries(tasks).filter(([, { failed }]) => failed !== true)).toEqual([])
  const said = (task: string) => `${tasks[task]?.msg}\n${tasks[task]?.['module_stderr'] ?? ''}`
  for (const [task, words] of [
    ['no such node', 'node not found'],
    ['no such driver', 'no live conductor of site default serves driver zzz'],
    ['no such address', 'address: expected a MAC address'],
    // The module does not pass on the words.
    ['no such interface', 'Failed to update node, Error: BadRequestException: 400'],
    ['not in this state', 'the current state is enroll'],
    ['deployment of a node that is not available', 'while it is in state "enroll"'],
    ['wrong token', 'HttpException: 401'],
    ['baremetal_node_info', "'Node' object has no attribute 'uuid'"],
    ['baremetal_port_info of a node', "'Node' object has no attribute 'uuid'"],
  ] as const)
    expect([task, said(task)]).toEqual([task, expect.stringContaining(words)])
  expect(((await api.call('GET', '/nodes')) as { nodes: unknown[] }).nodes).toMatchObject([{ uuid }])
})

test.concurrent('what the collection has no module for is a request', { timeout: 300_000 }, async (context) => {
  const { story, run } = await started(context, true)
  await using _ = story
  expect((await run('deploy-templates.yml')).tasks).toMatchObject({
    create: { status: 201 },
    update: { status: 200, json: { steps: [{ priority: 95 }] } },
    delete: { status: 204 },
  })
})
