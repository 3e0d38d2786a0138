// One valid creation of each resource, for tests that go over all of them.
import type { TestSite } from '../../hosts/test-site.ts'
import { fresh } from '../../hosts/test-conductor.ts'

/** Such as 52:54:00:…, which no other test has. */
export function freshMac(): string {
  const tail = crypto.getRandomValues(new Uint8Array(3))
  return `52:54:00:${Array.from(tail, (byte) => byte.toString(16).padStart(2, '0')).join(':')}`
}

export const freshTrait = (): string => fresh('CUSTOM').replaceAll('-', '_').toUpperCase()

/** A new node's UUID; `changes` are made behind the API's back, as the hub would. */
export async function newNode(site: TestSite, more: object = {}, changes?: string): Promise<string> {
  const made = await site.api('POST', '/v1/nodes', { driver: 'fake-hardware', ...more })
  if (made.status !== 201) throw new Error(`no node: ${made.text}`)
  if (changes !== undefined) await setNode(site, made.body.uuid, changes)
  return made.body.uuid as string
}

export async function setNode(site: TestSite, uuid: string, changes: string): Promise<void> {
  await write(site, `UPDATE nodes SET ${changes} WHERE uuid = ?`, [uuid])
}

export async function write(site: TestSite, sql: string, args: (string | number | null)[] = []): Promise<void> {
  const { store } = site.host
  await store.organisation(site.enrolled.organisation).batch([{ sql, args }])
}

let index = 0
/** By the path of the resource; `node` is one that rows may belong to. */
export function sample(path: string, node: string): Record<string, unknown> {
  const steps = [{ interface: 'bios', step: 'apply_configuration', args: { settings: [] } }]
  const bodies: Record<string, Record<string, unknown>> = {
    nodes: { driver: 'fake-hardware', name: fresh('n') },
    ports: { node_uuid: node, address: freshMac() },
    portgroups: { node_uuid: node, name: fresh('bond') },
    'volume/connectors': { node_uuid: node, type: 'iqn', connector_id: fresh('iqn.2026-01.test:') },
    'volume/targets': { node_uuid: node, volume_type: 'iscsi', volume_id: fresh('v'), boot_index: index++ },
    chassis: { description: 'a case' },
    allocations: { resource_class: fresh('nobody-has') },
    deploy_templates: { name: freshTrait(), steps: steps.map((step) => ({ ...step, priority: 10 })) },
    runbooks: { name: freshTrait(), steps: steps.map((step) => ({ ...step, order: 1 })) },
    inspection_rules: { actions: [{ op: 'set-attribute', args: { path: '/extra/a', value: 1 } }] },
  }
  return bodies[path]!
}
