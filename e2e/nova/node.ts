// A node of fake hardware as nova finds one, and how it is seen to come to rest.
import { setTimeout as sleep } from 'node:timers/promises'

export interface NovaNode {
  readonly uuid: string
  readonly mac: string
}

/** Of a JSON answer, whatever it holds. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Call = (method: string, path: string, body?: unknown, version?: string) => Promise<{ status: number; body: any }> // prettier-ignore

/** A version of '' is none: a client that looks around says none. */
export const callOf =
  (url: string): Call =>
  async (method, path, body, version = '1.82') => {
    const headers = { 'Content-Type': 'application/json', ...(version === '' ? {} : { 'X-OpenStack-Ironic-API-Version': version }) } // prettier-ignore
    const response = await fetch(`${url}${path}`, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }) // prettier-ignore
    const text = await response.text()
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
  }

/** An available node, each of whose steps takes `delayMs`, and a change of its power `powerMs`. */
export async function availableNode(call: Call, delayMs: number, powerMs = delayMs): Promise<NovaNode> {
  const properties = { cpus: 8, memory_mb: 1024, local_gb: 10, cpu_arch: 'x86_64' }
  const made = await call('POST', '/v1/nodes', { driver: 'fake-hardware', resource_class: 'gold', properties, driver_info: { fake_delay_ms: delayMs, fake_delays: { power: powerMs } } }) // prettier-ignore
  const { uuid } = made.body as { uuid: string }
  const mac = '52:54:00:0a:00:01'
  await call('POST', '/v1/ports', { node_uuid: uuid, address: mac })
  for (const target of ['manage', 'provide']) {
    await call('PUT', `/v1/nodes/${uuid}/states/provision`, { target })
    await rested(call, uuid)
  }
  return { uuid, mac }
}

export async function rested(call: Call, node: string): Promise<void> {
  let seen: unknown
  for (let i = 0; i < 600; i++) {
    const { provision_state: state, reservation, target_power_state: power } = (seen = (await call('GET', `/v1/nodes/${node}`)).body) // prettier-ignore
    if (!/ing$| wait$|call-back$/.test(state) && reservation === null && power === null) return
    await sleep(20)
  }
  throw new Error(`${node} does not come to rest: ${JSON.stringify(seen)}`)
}
