// The part of the hosts' contract that is about conductors' sockets: what is refused, and who keeps what when one connects again.
import { grantsDigest } from '../../shared/grants-digest.ts'
import { CONNECT_PATH } from '../../shared/upgrade.ts'
import { expect, expectStatus, makeNode, withConductor, type ContractTest } from './contract-steps.ts'
import { ask, enrol, TestConductor, upgradeHeaders, type HostUnderTest } from './test-conductor.ts'

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

export const SOCKETS: readonly ContractTest[] = [
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
    name: 'a frame that is not text closes its socket and is in the audit log',
    async run(host) {
      await withConductor(host, async (_site, conductor, enrolled) => {
        const peer = await listen(host, await upgradeHeaders(host, enrolled))
        peer.socket.send(new Uint8Array([1, 2, 3]))
        expect(await peer.closed(), 1003, 'close code')
        await seesAudit(host, enrolled.conductor, 'conductor.frame')
        expect(conductor.closeCode, undefined, 'close code of the present connection')
      })
    },
  },
  {
    name: 'a conductor that connects again with what it had keeps it, and the old connection ends afterwards',
    async run(host) {
      await withConductor(host, async (site, before, enrolled) => {
        // A run that was not seen to end might still act: the next one would wait for its lease.
        before.send({ type: 'bye' })
        await closeOf(before)
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
]
