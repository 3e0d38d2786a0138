// The contract of a host: the same named tests on every one of them. A test talks to the API by requests and to the hub as a conductor;
// it knows nothing of the platform. `names` of both hosts are compared, so that none can leave one out.
import type { ToConductor } from '../../shared/protocol.ts'
import { open } from '../../shared/sealing.ts'
import { CONNECT_PATH, ENROL_PATH } from '../../shared/upgrade.ts'
import { SOCKETS } from './contract-sockets.ts'
import { STREAMS } from './contract-streams.ts'
import { drive, expect, expectStatus, makeNode, withConductor, type ContractTest } from './contract-steps.ts'
import { ask, fresh, newEnrolment, upgradeHeaders, type Reply, INVENTORY } from './test-conductor.ts'

type DeployTask = Extract<ToConductor, { type: 'task' }>

export const CONTRACT: readonly ContractTest[] = [
  ...SOCKETS,
  ...STREAMS,
  {
    name: 'the root documents need no token and name the versions',
    async run(host) {
      const reply = await ask(host, 'GET', '/', undefined, { Authorization: '' })
      expectStatus(reply, 200)
      expect(reply.body.default_version.min_version, '1.1', 'min_version')
      expect(
        reply.headers.get('x-openstack-ironic-api-maximum-version'),
        reply.body.default_version.version,
        'maximum version',
      )
    },
  },
  {
    name: 'a request without a token is refused',
    async run(host) {
      const reply = expectStatus(await ask(host, 'GET', '/v1/nodes', undefined, { Authorization: '' }), 401)
      expect(reply.body.code, 'auth.missing', 'code')
    },
  },
  {
    name: 'an absent node is a 404 with a text that holds JSON',
    async run(host) {
      const reply = expectStatus(await ask(host, 'GET', `/v1/nodes/${crypto.randomUUID()}`), 404)
      expect(JSON.parse(reply.body.error_message).faultcode, 'Client', 'faultcode')
    },
  },
  {
    name: 'a conductor enrols once, and its token is burnt',
    async run(host) {
      const site = fresh('site')
      expectStatus(await ask(host, 'POST', '/v1/sites', { name: site }), 201)
      const { token } = expectStatus(await ask(host, 'POST', `/v1/sites/${site}/enrol-tokens`, {}), 201).body
      const first = await newEnrolment(token, 'a')
      const enrolled = expectStatus(await ask(host, 'POST', ENROL_PATH, first.body), 201)
      expect(enrolled.body.site_key, first.body.site_key, 'site key')
      // An answer that was lost is asked for again.
      expect(
        (await ask(host, 'POST', ENROL_PATH, first.body)).body.conductor,
        enrolled.body.conductor,
        'conductor of the repeated enrolment',
      )
      const second = await newEnrolment(token, 'b')
      expect(expectStatus(await ask(host, 'POST', ENROL_PATH, second.body), 401).body.code, 'token.used', 'code')
    },
  },
  {
    name: 'an upgrade that its conductor did not sign is refused',
    async run(host) {
      await withConductor(host, async (_site, _conductor, enrolled) => {
        const quiet = { onMessage: () => undefined, onClose: () => undefined }
        const stranger = (await newEnrolment('', 'x')).privateKey
        const forged = await upgradeHeaders(host, { conductor: enrolled.conductor, privateKey: stranger })
        const late = await upgradeHeaders(host, enrolled, CONNECT_PATH, Date.now() - 3_600_000)
        for (const headers of [{}, forged, late]) {
          const answer = await host.connect(CONNECT_PATH, headers, quiet)
          expect(answer instanceof Response && answer.status, 401, 'status')
        }
      })
    },
  },
  {
    name: 'a connected conductor brings its drivers',
    async run(host) {
      await withConductor(host, async (site) => {
        const { body } = expectStatus(await ask(host, 'GET', '/v1/drivers'), 200)
        expect(
          body.drivers.find((d: { name: string }) => d.name === 'fake-hardware')?.hosts.includes(site),
          true,
          'hosts has the conductor',
        )
        expect(expectStatus(await ask(host, 'GET', `/v1/conductors/${site}`), 200).body.alive, true, 'alive')
      })
    },
  },
  {
    name: 'a node is created, granted, changed and deleted',
    async run(host) {
      await withConductor(host, async (site, conductor) => {
        const node = await makeNode(host, site, { extra: { a: 1 } })
        await conductor.granted(node)
        const patched = await ask(host, 'PATCH', `/v1/nodes/${node}`, [
          { op: 'add', path: '/extra/b', value: { c: [true, null] } },
        ])
        expect(expectStatus(patched, 200).body.extra, { a: 1, b: { c: [true, null] } }, 'extra')
        expectStatus(await ask(host, 'DELETE', `/v1/nodes/${node}`), 204)
        expectStatus(await ask(host, 'GET', `/v1/nodes/${node}`), 404)
      })
    },
  },
  {
    name: 'a node goes from enroll to active and back by the tasks of its conductor',
    async run(host) {
      await withConductor(host, async (site, _conductor) => {
        const node = await makeNode(host, site)
        await drive(host, node, 'manage', 'manageable')
        await drive(host, node, 'provide', 'available')
        await drive(host, node, 'active', 'active')
        expect((await ask(host, 'GET', `/v1/nodes/${node}/states`)).body.power_state, 'power on', 'power_state')
        await drive(host, node, 'deleted', 'available')
        const { timeline } = expectStatus(await ask(host, 'GET', `/v1/nodes/${node}/timeline`), 200).body
        const seen = new Set(timeline.map((entry: { type: string }) => entry.type))
        for (const type of ['node.created', 'task.opened', 'step.finished', 'task.done'])
          expect(seen.has(type), true, `timeline has ${type}`)
      })
    },
  },
  {
    name: 'what an inspection found is kept, too large for a row, and answered',
    async run(host) {
      await withConductor(host, async (site) => {
        const node = await makeNode(host, site)
        await drive(host, node, 'manage', 'manageable')
        expectStatus(await ask(host, 'GET', `/v1/nodes/${node}/inventory`), 404)
        await drive(host, node, 'inspect', 'manageable')
        const { body } = expectStatus(await ask(host, 'GET', `/v1/nodes/${node}/inventory`), 200)
        expect(body, { inventory: INVENTORY, plugin_data: {} }, 'the inventory')
      })
    },
  },
  {
    name: 'an allocation is answered first, and gets its node afterwards',
    async run(host) {
      await withConductor(host, async (site) => {
        const resource_class = fresh('class')
        const node = await makeNode(host, site, { resource_class })
        await drive(host, node, 'manage', 'manageable')
        await drive(host, node, 'provide', 'available')
        expectStatus(await ask(host, 'PUT', `/v1/nodes/${node}/traits`, { traits: ['CUSTOM_A'] }), 204)
        const body = { resource_class, traits: ['CUSTOM_A'] }
        const made = expectStatus(await ask(host, 'POST', '/v1/allocations', body), 201).body
        expect(made.state, 'allocating', 'state of the answer')
        let now: Record<string, unknown> = {}
        for (let i = 0; i < 300 && now['state'] !== 'active'; i++) {
          now = expectStatus(await ask(host, 'GET', `/v1/allocations/${made.uuid}`), 200).body
          await new Promise((done) => setTimeout(done, 20))
        }
        expect(now['node_uuid'], node, `node of ${JSON.stringify(now)}`)
        expectStatus(await ask(host, 'DELETE', `/v1/allocations/${made.uuid}`), 204)
        expect((await ask(host, 'GET', `/v1/nodes/${node}`)).body.instance_uuid, null, 'instance_uuid afterwards')
      })
    },
  },
  {
    name: 'a question to a machine is answered by its conductor',
    async run(host) {
      await withConductor(host, async (site, conductor) => {
        const node = await makeNode(host, site)
        await conductor.granted(node)
        const reply = await ask(host, 'GET', `/v1/nodes/${node}/management/boot_device`)
        expect(expectStatus(reply, 200).body, { boot_device: 'pxe', persistent: false }, 'boot device')
      })
    },
  },
  {
    name: 'a config drive goes sealed to the conductor of its site only',
    async run(host) {
      await withConductor(host, async (site, conductor, enrolled) => {
        const node = await makeNode(host, site)
        await drive(host, node, 'manage', 'manageable')
        await drive(host, node, 'provide', 'available')
        const configdrive = { meta_data: { hostname: 'canary-7c1f' } }
        expectStatus(
          await ask(host, 'PUT', `/v1/nodes/${node}/states/provision`, { target: 'active', configdrive }),
          202,
        )
        const task = () => conductor.received.find((m): m is DeployTask => m.type === 'task' && m.kind === 'deploy')
        await conductor.until(() => task() !== undefined)
        const deploy = task()!
        expect(JSON.stringify(deploy).includes('canary-7c1f'), false, 'the frame holds the config drive')
        const path = `/v1/conductor/blobs/${(deploy.context['instance_info'] as { configdrive: string }).configdrive.slice('blob:'.length)}`
        const blob = await host.fetch(path, { headers: await upgradeHeaders(host, enrolled, path) })
        expect(blob.status, 200, 'status of the blob')
        const sealed = new TextDecoder().decode(await blob.arrayBuffer())
        const to = {
          organisation: enrolled.organisation,
          site: enrolled.site,
          node,
          field: 'instance_info.configdrive',
        }
        expect(JSON.parse(await open(enrolled.siteKey.privateKey, to, sealed)), configdrive, 'the opened config drive')
        expect((await host.fetch(path)).status, 401, 'status without a signature')
        await withConductor(host, async (_other, _conductor, stranger) => {
          const answer = await host.fetch(path, { headers: await upgradeHeaders(host, stranger, path) })
          expect(answer.status, 404, 'status for another site')
        })
      })
    },
  },
  {
    name: 'lists go on where the page before ended, with their filters',
    async run(host) {
      await withConductor(host, async (site) => {
        const made: string[] = []
        for (let i = 0; i < 5; i++) made.push(await makeNode(host, site))
        const found: string[] = []
        let path: string | undefined = `/v1/nodes?conductor_group=${site}&limit=2`
        for (let page = 0; path && page < 5; page++) {
          const reply: Reply = expectStatus(await ask(host, 'GET', path), 200)
          found.push(...reply.body.nodes.map((node: { uuid: string }) => node.uuid))
          path = reply.body.next?.slice(host.url.length)
        }
        expect(found, made, 'nodes over all pages')
      })
    },
  },
  {
    name: '64 requests at once are all answered, and the next one too',
    async run(host) {
      await withConductor(host, async (site) => {
        const node = await makeNode(host, site)
        const replies = await Promise.all(Array.from({ length: 64 }, () => ask(host, 'GET', `/v1/nodes/${node}`)))
        expect(replies.filter((reply) => reply.status === 200 && reply.body.uuid === node).length, 64, 'answers')
        expectStatus(await ask(host, 'GET', `/v1/nodes/${node}`), 200)
      })
    },
  },
  {
    name: 'changes sent at once all happen',
    async run(host) {
      await withConductor(host, async (site) => {
        const node = await makeNode(host, site)
        const patches = Array.from({ length: 8 }, (_, i) =>
          ask(host, 'PATCH', `/v1/nodes/${node}`, [{ op: 'add', path: `/extra/k${i}`, value: i }]),
        )
        for (const reply of await Promise.all(patches)) expectStatus(reply, 200)
        expect(Object.keys((await ask(host, 'GET', `/v1/nodes/${node}`)).body.extra).length, 8, 'keys')
      })
    },
  },
]

export const CONTRACT_NAMES: readonly string[] = CONTRACT.map((test) => test.name)
