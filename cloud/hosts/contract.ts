// The contract of a host: the same named tests on every one of them. A test talks to the API by requests and to the hub as a conductor;
// it knows nothing of the platform. `names` of both hosts are compared, so that none can leave one out.
import { grantsDigest } from '../../shared/grants-digest.ts'
import type { ToConductor } from '../../shared/protocol.ts'
import { open } from '../../shared/sealing.ts'
import { CONNECT_PATH, ENROL_PATH } from '../../shared/upgrade.ts'
import {
  ask,
  enrol,
  fresh,
  newEnrolment,
  TestConductor,
  upgradeHeaders,
  type Enrolled,
  type HostUnderTest,
  type Reply,
} from './test-conductor.ts'

type DeployTask = Extract<ToConductor, { type: 'task' }>

export interface ContractTest {
  readonly name: string
  readonly run: (host: HostUnderTest) => Promise<void>
}

function expect(actual: unknown, wanted: unknown, what: string): void {
  if (JSON.stringify(actual) !== JSON.stringify(wanted)) {
    throw new Error(`${what}: expected ${JSON.stringify(wanted)} but got ${JSON.stringify(actual)}`)
  }
}

function expectStatus(reply: Reply, status: number): Reply {
  expect(reply.status, status, `status of the answer ${reply.text.slice(0, 500)}`)
  return reply
}

/** A conductor of a site of its own, so that tests do not meet. */
async function withConductor(
  host: HostUnderTest,
  test: (site: string, conductor: TestConductor, enrolled: Enrolled) => Promise<void>,
): Promise<void> {
  const site = fresh('site')
  expectStatus(await ask(host, 'POST', '/v1/sites', { name: site }), 201)
  const enrolled = await enrol(host, site, site)
  const answers: Record<string, unknown> = {
    get_boot_device: { boot_device: 'pxe', persistent: false },
    get_supported_boot_devices: { supported_boot_devices: ['pxe'] },
  }
  const conductor = await TestConductor.start(host, enrolled, site, { answer: ({ method }) => answers[method] })
  try {
    await test(site, conductor, enrolled)
  } finally {
    conductor.stop()
  }
}

async function makeNode(host: HostUnderTest, site: string, more: Record<string, unknown> = {}): Promise<string> {
  const body = { driver: 'fake-hardware', conductor_group: site, name: fresh('node'), ...more }
  return expectStatus(await ask(host, 'POST', '/v1/nodes', body), 201).body.uuid
}

/** Moves the node by `target` and waits until it is in `state`. */
async function drive(host: HostUnderTest, node: string, target: string, state: string): Promise<void> {
  expectStatus(await ask(host, 'PUT', `/v1/nodes/${node}/states/provision`, { target }), 202)
  let seen: unknown
  for (let i = 0; i < 400; i++) {
    seen = (await ask(host, 'GET', `/v1/nodes/${node}?fields=provision_state,last_error`)).body
    if ((seen as { provision_state: string }).provision_state === state) return
    await new Promise((done) => setTimeout(done, 10))
  }
  throw new Error(`the node did not come to ${state} by ${target}: ${JSON.stringify(seen)}`)
}

/** A socket that says nothing by itself. */
async function listen(host: HostUnderTest, headers: Record<string, string>) {
  const frames: string[] = []
  const ended = Promise.withResolvers<number>()
  const handler = {
    onMessage: (frame: string) => void frames.push(frame),
    onClose: (code: number) => ended.resolve(code),
  }
  const socket = await host.connect(CONNECT_PATH, headers, handler)
  if (socket instanceof Response) throw new Error(`the upgrade was refused with ${socket.status}`)
  return { socket, frames, closed: () => ended.promise }
}

/** With what code the hub closes the conductor's socket. */
async function closeOf(conductor: TestConductor): Promise<number | undefined> {
  for (let i = 0; i < 400 && conductor.closeCode === undefined; i++) await new Promise((done) => setTimeout(done, 10))
  return conductor.closeCode
}

async function seesAudit(host: HostUnderTest, target: string, outcome: string): Promise<void> {
  let seen: unknown
  for (let i = 0; i < 400; i++) {
    seen = expectStatus(await ask(host, 'GET', `/v1/audit?target=${target}&outcome=${outcome}`), 200).body.audit
    if ((seen as unknown[]).length > 0) return
    await new Promise((done) => setTimeout(done, 10))
  }
  throw new Error(`the audit log has no ${outcome} of ${target}`)
}

export const CONTRACT: readonly ContractTest[] = [
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
    name: 'an upgrade request that was used before is refused, and its socket is not heard',
    async run(host) {
      await withConductor(host, async (site, conductor, enrolled) => {
        const headers = await upgradeHeaders(host, enrolled)
        const [first, second] = [await listen(host, headers), await listen(host, headers)]
        expect(await second.closed(), 4410, 'close code of the second')
        expect(second.frames, [], 'frames to the second')
        first.socket.close(1000, 'done')
        await seesAudit(host, enrolled.conductor, 'conductor.replayed')
        expect(expectStatus(await ask(host, 'GET', `/v1/conductors/${site}`), 200).body.alive, true, 'alive')
        expect(conductor.closeCode, undefined, 'close code of the present connection')
      })
    },
  },
  {
    name: 'a frame that is none, or is too large, closes its socket by name and changes nothing',
    async run(host) {
      await withConductor(host, async (site, conductor, enrolled) => {
        const large = JSON.stringify({ type: 'renew', rid: 1, x: 'x'.repeat(100_000) })
        for (const frame of ['{', '{"type":"renew","rid":"x"}', large]) {
          const peer = await listen(host, await upgradeHeaders(host, enrolled))
          peer.socket.send(frame)
          expect(await peer.closed(), 4400, `close code after ${frame.slice(0, 30)}`)
        }
        await seesAudit(host, enrolled.conductor, 'conductor.frame')
        expect(conductor.closeCode, undefined, 'close code of the present connection')
        expect(expectStatus(await ask(host, 'GET', `/v1/conductors/${site}`), 200).body.alive, true, 'alive')
      })
    },
  },
  {
    name: 'a conductor that connects again with what it had keeps it, and the old connection ends afterwards',
    async run(host) {
      await withConductor(host, async (site, _first, enrolled) => {
        const run = crypto.randomUUID()
        const one = await TestConductor.start(host, enrolled, site, { incarnation: run })
        const node = await makeNode(host, site)
        await one.granted(node)
        const { epoch, specVersion } = one.received.flatMap((m) => (m.type === 'grants' ? m.add : [])).at(-1)!
        const digest = await grantsDigest([{ node, epoch, specVersion }])
        const two = await TestConductor.start(host, enrolled, site, { incarnation: run, grantsDigest: digest })
        try {
          expect(
            two.received.map((message) => message.type),
            ['welcome'],
            'frames to the new connection',
          )
          expect(await closeOf(one), 4410, 'close code of the old connection')
          expectStatus(await ask(host, 'GET', `/v1/nodes/${node}/management/boot_device`), 200)
          expect(two.closeCode, undefined, 'close code of the new connection')
        } finally {
          one.stop()
          two.stop()
        }
      })
    },
  },
  {
    name: 'two hosts with one identity are told so, and it is in the log',
    async run(host) {
      await withConductor(host, async (site, _first, enrolled) => {
        const [a, b] = [crypto.randomUUID(), crypto.randomUUID()]
        const one = await TestConductor.start(host, enrolled, site, { incarnation: a })
        const two = await TestConductor.start(host, enrolled, site, { incarnation: b })
        expect(await closeOf(one), 4409, 'close code of the first')
        const back = await TestConductor.start(host, enrolled, site, { incarnation: a }).then(
          () => 'welcomed',
          (error: Error) => error.message,
        )
        expect(back, 'the hub closed the socket with 4409', 'the first again')
        expect(await closeOf(two), 4409, 'close code of the second')
        await seesAudit(host, enrolled.conductor, 'conductor.cloned')
        const { events } = expectStatus(await ask(host, 'GET', '/v1/events?type=conductor.cloned'), 200).body
        const mine = events.filter(
          (event: { body: { conductor: string } }) => event.body.conductor === enrolled.conductor,
        )
        expect(mine.length, 1, 'events')
        two.stop()
      })
    },
  },
  {
    name: 'a drained conductor gives its nodes to another',
    async run(host) {
      await withConductor(host, async (site, conductor) => {
        const nodes = [await makeNode(host, site), await makeNode(host, site)]
        for (const node of nodes) await conductor.granted(node)
        const other = await TestConductor.start(host, await enrol(host, `${site}-b`, site), `${site}-b`)
        try {
          expectStatus(await ask(host, 'POST', `/v1/conductors/${site}/drain`), 202)
          for (const node of nodes) await other.granted(node)
          const { members } = expectStatus(await ask(host, 'GET', `/v1/sites/${site}/ring`), 200).body
          const held = members.map((m: { hostname: string; nodes: number }) => [m.hostname, m.nodes])
          expect(held, [[site, 0], [`${site}-b`, 2]], 'nodes') // prettier-ignore
          expect(members[0].draining, true, 'draining')
        } finally {
          other.stop()
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
