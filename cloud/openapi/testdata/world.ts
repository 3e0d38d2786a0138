// A site with some of everything, for tests that send requests to every endpoint: identifiers by what a path calls them.
import { startTestSite, type TestSite } from '../../hosts/node/test-host.ts'

export interface World {
  readonly site: TestSite
  /** A path of the description with real identifiers in it. */
  path(template: string): string
  stop(): Promise<void>
}

export async function startWorld(): Promise<World> {
  const site = await startTestSite({
    answer({ method }) {
      if (method === 'get_boot_device') return { boot_device: 'pxe', persistent: false }
      if (method === 'get_supported_boot_devices') return { supported_boot_devices: ['pxe'] }
      return {}
    },
  })
  const made = async (path: string, body: unknown): Promise<{ uuid: string }> => {
    const reply = await site.api('POST', path, body)
    if (reply.status !== 201) throw new Error(`${path}: ${reply.text}`)
    return reply.body as { uuid: string }
  }
  const node = await made('/v1/nodes', { driver: 'fake-hardware', name: 'world', extra: { a: 1 } })
  await site.conductor.granted(node.uuid)
  const port = await made('/v1/ports', { node_uuid: node.uuid, address: '52:54:00:77:00:01' })
  await site.api('PUT', `/v1/nodes/${node.uuid}/states/power`, { target: 'power on' })
  const { sites } = (await site.api('GET', '/v1/sites')).body as { sites: { uuid: string }[] }
  const { tasks } = (await site.api('GET', '/v1/tasks')).body as { tasks: { uuid: string }[] }
  const { history } = (await site.api('GET', `/v1/nodes/${node.uuid}/history`)).body as { history: { uuid: string }[] }
  const idents: Record<string, string> = {
    nodes: node.uuid,
    ports: port.uuid,
    sites: sites[0]!.uuid,
    tasks: tasks[0]!.uuid,
    history: history[0]!.uuid,
    conductors: 'c1',
    drivers: 'fake-hardware',
  }
  return {
    site,
    path: (template) =>
      template.replaceAll(/([\w-]+)\/\{\w+\}/g, (_, parent: string) => `${parent}/${idents[parent] ?? 'absent'}`),
    stop: () => site.stop(),
  }
}
