// nova's own ironic driver (Debian's python3-nova) takes a node through the life of an instance. What it asked is the recording that the quick
// test plays again; `UPDATE=1` writes it anew.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startDevServer, type Server } from '../dev-server.ts'
import { availableNode, callOf } from './node.ts'
import { recorded, recorder, RECORDING, type Noted } from './recording.ts'

let server: Server
beforeAll(async () => {
  server = await startDevServer()
}, 60_000)
afterAll(() => server?.stop())

/** nova's power states. */
const [RUNNING, SHUTDOWN] = [1, 4]

it('nova spawns, operates, rescues, rebuilds and destroys an instance', { timeout: 300_000 }, async () => {
  // A change of power takes longer than the next one waits for it.
  const node = await availableNode(callOf(server.url), 300, 3500)
  const proxy = await recorder(server.url, node.uuid)
  const vif = crypto.randomUUID()
  const program = join(import.meta.dirname, 'drive-nova.py')
  // The site's name is the conductor group of its nodes.
  const child = spawn('/usr/bin/python3', [program, proxy.url, node.uuid, vif, 'default'], { stdio: ['ignore', 'pipe', 'pipe'] }) // prettier-ignore
  let [out, error] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (error += text))
  const [status] = await once(child, 'close')
  await proxy.close()
  expect([status, error.split('\n').slice(-20).join('\n')]).toEqual([0, expect.anything()])
  const seen = out.split('\n').filter(Boolean).map((line) => JSON.parse(line) as [string, unknown]) // prettier-ignore
  expect(seen).toEqual([
    ['init_host', null],
    ['get_available_nodes', [node.uuid]],
    ['get_available_resource', 'gold'],
    ['update_provider_tree', { inventory: ['CUSTOM_GOLD'], traits: [] }],
    ['node_is_available', true],
    ['prepare_for_spawn', null],
    ['prepare_for_spawn of another', 'ComputeResourcesUnavailable'],
    ['prepare_networks', null],
    ['spawn', null],
    ['vifs', [vif]],
    ['instance_exists', true],
    ['list_instance_uuids', true],
    ['network_binding_host_id', null],
    ['get_info', RUNNING],
    ['power_off', null],
    ['get_info after power_off', SHUTDOWN],
    ['power_on', null],
    ['get_info after power_on', RUNNING],
    ['reboot', null],
    ['soft reboot', null],
    ['busy', null],
    ['power_off of a busy node', null],
    ['get_info of the busy node', SHUTDOWN],
    ['power_on again', null],
    ['trigger_crash_dump', null],
    // Our fake machine's console is none of socat.
    ['get_serial_console', 'ConsoleTypeUnavailable'],
    ['detach_interface', null],
    ['attach_interface', null],
    ['rescue', null],
    ['unrescue', null],
    ['rebuild', null],
    ['destroy', null],
    ['instance_exists after destroy', false],
    ['vifs after destroy', []],
  ])
  const busy = proxy.noted.filter(({ status }) => status === 409).map(({ path }) => path.split('/').at(-1))
  expect(busy, 'told that the node is busy, and asked again').toContain('power')
  if (process.env['UPDATE'] === '1') writeFileSync(RECORDING, `${JSON.stringify(proxy.noted, null, 1)}\n`)
  expect(writes(proxy.noted)).toEqual(writes(recorded()))
})

/** How often nova looks in between is a matter of time; so is how often it was told that the node is busy. */
const writes = (noted: readonly Noted[]) =>
  noted.filter(({ method, status }) => method !== 'GET' && status !== 409).map(({ method, path, status }) => [method, path, status]) // prettier-ignore
