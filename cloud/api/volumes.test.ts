import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { open } from '../../shared/sealing.ts'
import { startTestSite } from '#test-site'
import type { TestSite } from '../hosts/test-site.ts'
import { fresh } from '../hosts/test-conductor.ts'
import { newNode, sample, setNode } from './testdata/samples.ts'

describe('volumes', () => {
  let site: TestSite
  let node: string
  beforeAll(async () => {
    site = await startTestSite()
    node = await newNode(site)
  })
  afterAll(() => site.stop())
  const make = async (path: string, more: object = {}) => {
    const made = await site.api('POST', `/v1/${path}`, { ...sample(path, node), ...more })
    expect([made.status, made.text]).toEqual([201, expect.anything()])
    return made.body
  }

  it('are changed while the node is off, and deleted then or in states that allow it', async () => {
    const { uuid } = await make('volume/connectors')
    const patch = [{ op: 'replace', path: '/connector_id', value: fresh('iqn') }]
    await setNode(site, node, `power_state = 'power on', provision_state = 'active'`)
    expect((await site.api('PATCH', `/v1/volume/connectors/${uuid}`, patch)).body).toMatchObject({
      status: 400,
      code: 'state.invalid',
      detail: `The requested action "volume connector update" can not be performed on node "${node}" while it is in state "power on".`,
    })
    expect((await site.api('DELETE', `/v1/volume/connectors/${uuid}`)).body).toMatchObject({
      status: 400,
      detail: expect.stringContaining('"volume connector deletion" can not be performed'),
    })
    await setNode(site, node, `power_state = 'power off'`)
    expect((await site.api('PATCH', `/v1/volume/connectors/${uuid}`, patch)).status).toBe(200)
    await setNode(site, node, `power_state = 'power on', provision_state = 'available'`)
    expect((await site.api('DELETE', `/v1/volume/connectors/${uuid}`)).status).toBe(204)
  })

  it('are unique: a connector by type and id, a target by node and boot index', async () => {
    const connector = await make('volume/connectors')
    const target = await make('volume/targets')
    const again = async (path: string, more: object) =>
      (await site.api('POST', `/v1/${path}`, { ...sample(path, node), ...more })).status
    expect(await again('volume/connectors', { connector_id: connector.connector_id })).toBe(409)
    expect(await again('volume/connectors', { connector_id: connector.connector_id, type: 'wwnn' })).toBe(201)
    expect(await again('volume/targets', { boot_index: target.boot_index })).toBe(409)
    expect(await again('volume/targets', { boot_index: target.boot_index, node_uuid: await newNode(site) })).toBe(201)
    expect(await again('volume/targets', { boot_index: -1 })).toBe(400)
    expect(await again('volume/connectors', { type: 'pigeon' })).toBe(400)
  })

  it('a secret of a target is sealed to the site and shown by nobody', async () => {
    const secret = 'canary-volume-5d'
    const properties = { target_iqn: 'iqn.2026-01.test:1', auth_username: 'u', auth_password: secret }
    const { uuid, properties: shown } = await make('volume/targets', { properties })
    expect(shown).toEqual({ ...properties, auth_password: '******' })
    const { store } = site.host
    const [row] = await store
      .organisation(site.enrolled.organisation)
      .all('SELECT properties, secrets FROM volume_targets WHERE uuid = ?', [uuid])
    expect(JSON.stringify(row)).not.toContain(secret)
    const field = `volume_targets.${uuid}.auth_password`
    const sealed = (JSON.parse(String(row![1])) as Record<string, string>)[field]!
    const to = { organisation: site.enrolled.organisation, site: site.enrolled.site, node, field }
    expect(await open(site.enrolled.siteKey.privateKey, to, sealed)).toBe(secret)
    // What was read may be written back, and keeps the secret.
    await setNode(site, node, `power_state = 'power off'`)
    const kept = await site.api('PATCH', `/v1/volume/targets/${uuid}`, [
      { op: 'replace', path: '/properties', value: { ...shown, target_lun: 1 } },
    ])
    expect(kept.body.properties).toEqual({ ...shown, target_lun: 1 })
    const [after] = await store
      .organisation(site.enrolled.organisation)
      .all('SELECT secrets FROM volume_targets WHERE uuid = ?', [uuid])
    expect(JSON.parse(String(after![0]))).toEqual({ [field]: sealed })
    const removed = await site.api('PATCH', `/v1/volume/targets/${uuid}`, [
      { op: 'remove', path: '/properties/auth_password' },
    ])
    expect([removed.status, removed.body.properties]).toEqual([
      200,
      expect.not.objectContaining({ auth_password: expect.anything() }),
    ])
  })

  it('a target goes to another node with its secrets given anew, since they are sealed to one node', async () => {
    const properties = { auth_password: 'first' }
    const { uuid } = await make('volume/targets', { properties })
    await setNode(site, node, `power_state = 'power off'`)
    const to = { op: 'replace', path: '/node_uuid', value: await newNode(site) }
    const move = (...more: object[]) => site.api('PATCH', `/v1/volume/targets/${uuid}`, [to, ...more])
    expect((await move()).body).toMatchObject({ status: 400, detail: expect.stringContaining('no secret to keep') })
    const moved = await move({ op: 'replace', path: '/properties/auth_password', value: 'second' })
    expect([moved.status, moved.body.node_uuid]).toEqual([200, to.value])
    const sql = site.host.store.organisation(site.enrolled.organisation)
    const [row] = await sql.all('SELECT secrets FROM volume_targets WHERE uuid = ?', [uuid])
    const [[field, sealed]] = Object.entries(JSON.parse(String(row![0]))) as [[string, string]]
    const { organisation, site: of, siteKey } = site.enrolled
    expect(await open(siteKey.privateKey, { organisation, site: of, node: to.value, field }, sealed)).toBe('second')
  })

  it('are listed for a node, and the place of both is told', async () => {
    const other = await newNode(site)
    const { uuid } = await make('volume/targets', { node_uuid: other })
    for (const path of [`/v1/volume/targets?node=${other}`, `/v1/nodes/${other}/volume/targets`])
      expect((await site.api('GET', path)).body.targets).toMatchObject([{ uuid, node_uuid: other }])
    expect((await site.api('GET', `/v1/nodes/${other}/volume/connectors`)).body).toEqual({ connectors: [] })
  })

  it.each(['volume', 'nodes/NAME/volume'])(
    'GET /v1/%s says where both are, by the name that was asked with',
    async (path) => {
      const name = fresh('volume')
      await newNode(site, { name })
      const at = path.replace('NAME', name)
      const both = (below: string) => [
        { href: `${site.host.url}/v1/${at}/${below}`, rel: 'self' },
        { href: `${site.host.url}/${at}/${below}`, rel: 'bookmark' },
      ]
      expect((await site.api('GET', `/v1/${at}`)).body).toEqual({
        links: both(''),
        connectors: both('connectors'),
        targets: both('targets'),
      })
    },
  )
})
