import { describe, expect, it } from 'vitest'
import { createConductorClient } from './conductor-client.ts'
import { makeCertificate } from './certificate.ts'
import { createCommandRunner } from './command-runner.ts'
import { commands } from './command-list.ts'
import { makeTestCa, startFakeConductor } from './fake-conductor.ts'
import { startHeartbeat } from './heartbeat.ts'
import { startServer } from './server.ts'
import { fakeMachine, serveHttp, testNode } from './testing.ts'

const mac = '52:54:00:aa:00:01'
const log = () => {}

describe('trust', () => {
  it.each([true, false])('comes from the pinned digest alone (CA in the chain: %s)', async (showCa) => {
    const conductor = await startFakeConductor({ node: testNode, showCa })
    const pinned: string[] = []
    const client = createConductorClient({
      apiUrls: [conductor.url],
      caDigest: conductor.ca.digest,
      log,
      onTrust: async ({ caPem }) => void pinned.push(caPem.replaceAll(/\s/g, '')),
    })
    const { answer, localAddress } = await client.lookup({ addresses: [mac] })
    expect([answer.node.uuid, localAddress, conductor.lookups]).toEqual([testNode.uuid, '127.0.0.1', [[mac]]])
    expect(pinned).toEqual([conductor.ca.pem.replaceAll(/\s/g, '')])
    await conductor.close()
  })

  it('is refused to a conductor of another CA, and nothing was told to it', async () => {
    const conductor = await startFakeConductor({ node: testNode })
    const other = await makeTestCa()
    const client = createConductorClient({ apiUrls: [conductor.url], caDigest: other.digest, log })
    await expect(client.lookup({ addresses: [mac] })).rejects.toThrow('no certificate with the pinned digest')
    expect(conductor.lookups).toEqual([])
    await conductor.close()
  })

  it('is refused to somebody who shows the right CA over a certificate that it did not issue', async () => {
    // The CA certificate is public: an impostor can send it along.
    const real = await makeTestCa()
    const impostor = await startFakeConductor({ node: testNode, fallback: (_q, s) => s.end() })
    impostor.ca.pem = real.pem // GET /v1/agent/ca answers with the real CA now
    const client = createConductorClient({ apiUrls: [impostor.url], caDigest: real.digest, log })
    await expect(client.lookup({ addresses: [mac] })).rejects.toThrow(
      /unable to verify|self-signed|issuer|signature failure/,
    )
    expect(impostor.lookups).toEqual([])
    await impostor.close()
  })

  it('is refused to a certificate for another address', async () => {
    const conductor = await startFakeConductor({ node: testNode, names: ['10.9.9.9'] })
    const client = createConductorClient({ apiUrls: [conductor.url], caDigest: conductor.ca.digest, log })
    await expect(client.lookup({ addresses: [mac] })).rejects.toThrow(/does not match/)
    await conductor.close()
  })

  it('is refused to https without a pin', async () => {
    const conductor = await startFakeConductor({ node: testNode })
    const client = createConductorClient({ apiUrls: [conductor.url], log })
    await expect(client.lookup({ addresses: [mac] })).rejects.toThrow('refused')
    expect(conductor.lookups).toEqual([])
    await conductor.close()
  })
})

describe('several conductors', () => {
  it('are tried in order, and the one that worked comes first from then on', async () => {
    const conductor = await startFakeConductor({ node: testNode, plain: true })
    let asked = 0
    await using broken = await serveHttp((_request, response) => {
      asked += 1
      response.writeHead(503).end()
    })
    const client = createConductorClient({ apiUrls: ['http://127.0.0.1:1', broken.url, conductor.url], log })
    await client.lookup({ addresses: [mac] })
    await client.heartbeat(testNode.uuid, {
      callback_url: 'http://127.0.0.1:9999',
      agent_token: 'x',
      agent_version: 'v',
    })
    expect([asked, conductor.heartbeats.length]).toEqual([1, 1])
    await conductor.close()
  })

  it('a refusal is final, an endless or foolish answer is an error', async () => {
    await using refuses = await serveHttp((_request, response) =>
      response.writeHead(404).end('{"faultstring": "unknown"}'),
    )
    const client = createConductorClient({ apiUrls: [refuses.url], log })
    await expect(client.lookup({ addresses: [mac] })).rejects.toMatchObject({ status: 404 })
    await using endless = await serveHttp((_request, response) => {
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
      }
      response.on('drain', more)
      more()
    })
    await expect(createConductorClient({ apiUrls: [endless.url], log }).lookup({ addresses: [mac] })).rejects.toThrow(
      'too long',
    )
    await using foolish = await serveHttp((_request, response) => response.end('{"node": 5}'))
    await expect(createConductorClient({ apiUrls: [foolish.url], log }).lookup({ addresses: [mac] })).rejects.toThrow(
      'answer',
    )
  })
})

describe('heartbeat', () => {
  it('goes at once, again as soon as there is news, and after a failure by itself', async () => {
    let sent = 0
    let settle: (() => void) | undefined
    const loop = startHeartbeat({
      timeoutMs: 3_600_000,
      random: () => 0.5,
      log,
      send: () => {
        sent += 1
        return new Promise((resolve) => {
          settle = resolve
        })
      },
    })
    expect(sent).toBe(1)
    loop.beat() // while the first is under way
    loop.beat()
    settle!()
    await expect.poll(() => sent).toBe(2)
    settle!()
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(sent).toBe(2)
    loop.beat()
    expect(sent).toBe(3)
    loop.stop()
  })

  it('carries a certificate with which the conductor reaches the agent', async () => {
    const conductor = await startFakeConductor({ node: testNode })
    const client = createConductorClient({ apiUrls: [conductor.url], caDigest: conductor.ca.digest, log })
    const { answer, localAddress } = await client.lookup({ addresses: [mac] })
    const tls = await makeCertificate([localAddress], new Date())
    const machine = fakeMachine()
    const runner = createCommandRunner({ commands, machine, ...answer, log, onEnd: () => {} })
    const agent = await startServer({
      runner,
      token: answer.config.agent_token!,
      version: 'v',
      tls,
      host: '::',
      port: 0,
      startedAt: 0,
      log,
    })
    await client.heartbeat(testNode.uuid, {
      callback_url: `https://${localAddress}:${agent.port}`,
      agent_token: answer.config.agent_token!,
      agent_version: 'v',
      agent_verify_ca: tls.certPem,
    })
    expect((await conductor.command('standby.sync')).command_status).toBe('SUCCEEDED')
    await expect(conductor.command('standby.sync', {}, { token: 'wrong' })).rejects.toThrow('401')
    expect(machine.did).toEqual(['sync'])
    await agent.close()
    await conductor.close()
  })
})
