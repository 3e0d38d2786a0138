// A site with some of everything, for tests that send requests to every endpoint: identifiers by what a path calls them.
import type { StartTestSite, TestSite } from '../../hosts/test-site.ts'

/** What a conductor says of a machine. */
export const ANSWERS: Readonly<Record<string, unknown>> = {
  get_boot_device: { boot_device: 'pxe', persistent: false },
  get_supported_boot_devices: { supported_boot_devices: ['pxe'] },
  get_supported_boot_modes: { supported_boot_modes: ['uefi', 'bios'] },
  get_secure_boot_state: { secure_boot: false },
  get_supported_indicators: [{ name: 'led@chassis', readonly: false, states: ['on', 'off'] }],
  get_indicator_state: 'on',
  get_virtual_media: { vmedia: [] },
  get_console: { type: 'socat', url: 'tcp://127.0.0.1:1' },
  get_methods: { echo: { http_methods: ['GET', 'POST'], async: false, description: '', attach: false } },
}

const ABSENT = '6b2a5f0e-3f0c-4a51-9f3d-0000000000ff'

export interface World {
  readonly site: TestSite
  /** A path of the description with real identifiers in it. */
  path(template: string): string
  stop(): Promise<void>
}

export async function startWorld(startTestSite: StartTestSite): Promise<World> {
  const site = await startTestSite({
    answer({ method }) {
      return ANSWERS[method] ?? {}
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
  // It rests when tests begin.
  const on = await site.api('PUT', `/v1/nodes/${node.uuid}/states/power`, { target: 'power on' }, { Prefer: 'wait=20' })
  if (on.status !== 200) throw new Error(`the node was not switched on: ${on.status} ${on.text}`)
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
    traits: 'CUSTOM_ABSENT',
  }
  return {
    site,
    path: (template) =>
      template.replaceAll(/([\w-]+)\/\{\w+\}/g, (_, parent: string) => `${parent}/${idents[parent] ?? ABSENT}`),
    stop: () => site.stop(),
  }
}
