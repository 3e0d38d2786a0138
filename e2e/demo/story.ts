// The story that the demo tells, on whatever hardware: a machine is enrolled, verified, made available, and gets an operating system.
import type { Api, ApiNode } from '../../sim/api.ts'
import { Narrator } from './narrator.ts'

export interface StoryMachine {
  readonly name: string
  readonly mac: string
  readonly driverInfo: Record<string, unknown>
  /** deploy_interface, boot_interface and so on; those of the driver where absent. */
  readonly interfaces?: Record<string, string>
  readonly properties?: Record<string, unknown>
  /** Erase disk metadata before the node becomes available (boots the ramdisk once more). */
  /** Beside those of every deployment. */
  readonly deploySteps?: readonly Readonly<Record<string, unknown>>[]
  readonly automatedClean: boolean
  /** What the system is told; default: nothing to do. */
  readonly instance?: StoryInstance
  /** Resolves with the console line on which the system that was deployed says who it is; called when the node is active. */
  osUp(): Promise<string>
}

/** Parts of a config drive, beside its meta_data. */
export interface StoryInstance {
  readonly user_data: string
  readonly network_data: Readonly<Record<string, unknown>>
}

export interface StoryImage {
  readonly url: string
  readonly sha256: string
  readonly format: 'raw' | 'qcow2'
}

export interface StoryResult {
  readonly uuid: string
  readonly osLine: string
  /** From the deploy verb to the console line. */
  readonly seconds: number
  /** When the verb was sent and when the node was seen to be active; milliseconds since 1970. */
  readonly verbAtMs: number
  readonly activeAtMs: number
  /** What steps of the agent have said of themselves. */
  readonly stepResults: readonly string[]
}

/** Tells the story and answers what the deployed system said. Throws when it ends badly. */
export async function deployStory(
  api: Api,
  machine: StoryMachine,
  image: StoryImage,
  print: (line: string) => void,
  timeoutMs: number,
): Promise<StoryResult> {
  const { uuid } = (await api.call('POST', '/nodes', {
    name: machine.name,
    driver: 'ipmi',
    driver_info: machine.driverInfo,
    ...machine.interfaces,
    properties: machine.properties ?? {},
    automated_clean: machine.automatedClean,
  })) as { uuid: string }
  await api.call('POST', '/ports', { node_uuid: uuid, address: machine.mac })
  print(`node ${machine.name} ${uuid}, MAC ${machine.mac}`)
  const narrator = new Narrator(api, uuid, print)
  narrator.start()
  try {
    await api.provision(uuid, 'manage')
    await waitFor(api, uuid, 'manageable', 60_000)
    await api.provision(uuid, 'provide')
    await waitFor(api, uuid, 'available', timeoutMs)
    await api.call('PATCH', `/nodes/${uuid}`, [
      { op: 'add', path: '/instance_info/image_source', value: image.url },
      { op: 'add', path: '/instance_info/image_os_hash_algo', value: 'sha256' },
      { op: 'add', path: '/instance_info/image_os_hash_value', value: image.sha256 },
      { op: 'add', path: '/instance_info/image_disk_format', value: image.format },
    ])
    const configdrive = {
      meta_data: { hostname: `${machine.name}.demo` },
      ...(machine.instance ?? { user_data: '#cloud-config\n# from `npm run demo`\n', network_data: {} }),
    }
    const verbAtMs = Date.now()
    const deploy_steps = machine.deploySteps
    await api.provision(uuid, 'active', { configdrive, ...(deploy_steps && { deploy_steps }) })
    await waitFor(api, uuid, 'active', timeoutMs)
    const activeAtMs = Date.now()
    const osLine = await machine.osUp()
    const seconds = (Date.now() - verbAtMs) / 1000
    const bootSeconds = (Date.now() - activeAtMs) / 1000
    print(`the deployed system has booted from its disk and says who it is, ${bootSeconds.toFixed(1)} s after "active"`)
    const stepResults = (await api.timeline(uuid)).flatMap(({ type, body }) =>
      type.endsWith('.done') && typeof body['result'] === 'string' ? [body['result']] : [],
    )
    return { uuid, osLine, seconds, verbAtMs, activeAtMs, stepResults }
  } finally {
    await narrator.stop()
  }
}

/** Waits for a state. Throws when the node comes to rest with an error, and when `timeoutMs` is over. */
async function waitFor(api: Api, uuid: string, state: string, timeoutMs: number): Promise<ApiNode> {
  const end = Date.now() + timeoutMs
  for (;;) {
    const node = await api.node(uuid)
    if (node.provision_state === state && node.reservation === null) return node
    if (node.last_error !== null && node.reservation === null)
      throw new Error(`${node.provision_state}: ${node.last_error}`)
    if (Date.now() > end)
      throw new Error(`the node is still in state ${node.provision_state} after ${timeoutMs / 1000} s, not ${state}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
