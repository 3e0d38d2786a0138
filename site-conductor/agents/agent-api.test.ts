// The agent API over real TLS, called by the agent's own client: what a stranger, an agent and a second agent get.
import https from 'node:https'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createConductorClient } from '../../agent/conductor-client.ts'
import { MASKED } from '../../shared/agent-protocol.ts'
import { type AgentApi, startAgentApi } from './agent-api.ts'
import { type AgentCall, Agents, type Expected } from './agents.ts'
import { InstallerReports } from './installer-reports.ts'
import { silent } from '../log.ts'
import { certificateDigest, type CertificateAndKey, issueServer, newSiteCa } from '../site/site-ca.ts'

const NODE = '1be26c0b-03f2-4d2e-ae87-c02d7f33c123'
const MAC = '52:54:00:aa:bb:01'
const TOKEN = 'a-token-of-this-boot-with-more-than-32-characters'

let ca: CertificateAndKey
let api: AgentApi
let agents: Agents
let shown: number

beforeEach(async () => {
  ca = await newSiteCa(new Date())
  const own = await issueServer(ca, ['127.0.0.1'], new Date())
  agents = new Agents()
  shown = 0
  api = await startAgentApi({
    agents,
    log: silent,
    chain: own.certificate,
    key: own.privateKey,
    ca: ca.certificate,
    host: '127.0.0.1',
    port: 0,
    now: () => performance.now(),
  })
})
afterEach(() => api.close())

function expectNode(
  more: {
    node?: string
    installer?: Expected['installer']
    macs?: string[]
    shown?: boolean
    call?: AgentCall
    onCall?: () => Promise<void>
  } = {},
) {
  agents.expect({
    node: NODE,
    macs: [MAC],
    token: TOKEN,
    properties: { root_device: { size: 10 } },
    instanceInfo: {},
    shown: false,
    onShown: async () => void shown++,
    onScript: async () => {},
    onCall: async () => {},
    ...more,
  })
}

const url = () => `https://127.0.0.1:${api.port}`
const client = (caDigest = certificateDigest(ca.certificate)) =>
  createConductorClient({ apiUrls: [url()], caDigest, log: () => {} })
const heartbeat = (more: Record<string, unknown> = {}) => ({
  callback_url: 'https://192.0.2.9:9999',
  agent_token: TOKEN,
  agent_version: '1',
  agent_verify_ca: 'PEM',
  ...more,
})

function get(
  path: string,
  options: { method?: string; body?: string } = {},
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const request = https.request(
      `${url()}${path}`,
      { method: options.method ?? 'GET', ca: ca.certificate, agent: false },
      (response) => {
        let body = ''
        response.on('data', (part) => (body += String(part)))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
      },
    )
    request.on('error', reject)
    request.end(options.body)
  })
}

test('the agent trusts the pinned CA, looks up and gets its token', async () => {
  expectNode()
  const { answer } = await client().lookup({ addresses: [MAC], nodeUuid: NODE })
  expect(answer).toMatchObject({
    node: { uuid: NODE, properties: { root_device: { size: 10 } } },
    config: { agent_token: TOKEN },
  })
  expect(shown).toBe(1)
})

test('an agent with another pin talks to nobody', async () => {
  expectNode()
  await expect(client('0'.repeat(64)).lookup({ addresses: [MAC] })).rejects.toThrow('pinned digest')
  expect(shown).toBe(0)
})

test('the token of a boot is shown once, also after the conductor was restarted', async () => {
  expectNode()
  await client().lookup({ addresses: [MAC] })
  expect((await client().lookup({ addresses: [MAC] })).answer.config.agent_token).toBe(MASKED)
  agents.forget(NODE)
  expectNode({ shown: true })
  expect((await client().lookup({ addresses: [MAC] })).answer.config.agent_token).toBe(MASKED)
  expect(shown).toBe(1)
})

test('a MAC gives nothing for a node that nobody is booting', async () => {
  expect((await get(`/v1/lookup?addresses=${MAC}`)).status).toBe(404)
  expectNode()
  agents.forget(NODE)
  expect((await get(`/v1/lookup?addresses=${MAC}&node_uuid=${NODE}`)).status).toBe(404)
})

test('a node id with the MACs of another machine gives nothing', async () => {
  expectNode()
  expect((await get(`/v1/lookup?addresses=52:54:00:00:00:99&node_uuid=${NODE}`)).status).toBe(404)
  expect(shown).toBe(0)
})

test('MACs of two nodes are nobody', async () => {
  expectNode()
  expectNode({ node: '00000000-0000-4000-8000-000000000000', macs: ['52:54:00:aa:bb:02'] })
  expect((await get(`/v1/lookup?addresses=${MAC},52:54:00:aa:bb:02`)).status).toBe(404)
})

test('a heartbeat with the token is heard, and the first one is not missed by a later listener', async () => {
  expectNode()
  await client().heartbeat(NODE, heartbeat())
  const call = await agents.firstCall(NODE, new AbortController().signal)
  expect(call).toEqual({ url: 'https://192.0.2.9:9999', version: '1', certificate: 'PEM' })
})

test.each([
  ['another token', { agent_token: 'x'.repeat(40) }, 400],
  ['plain http', { callback_url: 'http://192.0.2.9:9999' }, 400],
  ['no certificate', { agent_verify_ca: undefined }, 400],
  ['no version', { agent_version: undefined }, 400],
])('a heartbeat with %s is refused', async (_, more, status) => {
  expectNode()
  const answer = await get(`/v1/heartbeat/${NODE}`, { method: 'POST', body: JSON.stringify(heartbeat(more)) })
  expect(answer.status).toBe(status)
  expect(answer.body).not.toContain(TOKEN)
})

test('address and certificate do not change during a boot, before and after a restart of the conductor', async () => {
  expectNode()
  await client().heartbeat(NODE, heartbeat())
  await client().heartbeat(NODE, heartbeat())
  await expect(client().heartbeat(NODE, heartbeat({ callback_url: 'https://192.0.2.66:9999' }))).rejects.toThrow('400')
  agents.forget(NODE)
  expectNode({ call: { url: 'https://192.0.2.9:9999', version: '1', certificate: 'PEM' } })
  await expect(client().heartbeat(NODE, heartbeat({ agent_verify_ca: 'OTHER' }))).rejects.toThrow('400')
})

test('other requests: version document, CA, 404, 405, 413, 400', async () => {
  expect(JSON.parse((await get('/')).body)).toMatchObject({ default_version: { version: '1.68' } })
  expect((await get('/v1/agent/ca')).body).toBe(ca.certificate)
  expect((await get('/v1/nodes')).status).toBe(404)
  expect((await get('/v1/lookup')).status).toBe(400)
  expect((await get(`/v1/heartbeat/${NODE}`)).status).toBe(405)
  expect((await get(`/v1/heartbeat/${NODE}`, { method: 'POST', body: 'x'.repeat(100_000) })).status).toBe(413)
  expect((await get(`/v1/heartbeat/${NODE}`, { method: 'POST', body: '{' })).status).toBe(400)
})

test('somebody who asks without end is told to stop', async () => {
  const answers = []
  for (let i = 0; i < 70; i++) answers.push((await get('/')).status)
  expect(answers.slice(0, 60)).toEqual(Array.from({ length: 60 }, () => 200))
  expect(new Set(answers.slice(60))).toEqual(new Set([429]))
})

test('a machine that asks again counts as started again until its agent is heard of: Ironic’s own asks twice', async () => {
  expectNode()
  expect(agents.cameAgain(NODE)).toBe(false)
  await client().lookup({ addresses: [MAC] })
  expect(agents.cameAgain(NODE)).toBe(false)
  await client().lookup({ addresses: [MAC] })
  expect(agents.cameAgain(NODE)).toBe(true)
  agents.answered(NODE)
  expect(agents.cameAgain(NODE)).toBe(false)
  await client().lookup({ addresses: [MAC] })
  expect(agents.cameAgain(NODE)).toBe(true)
  await client().heartbeat(NODE, heartbeat())
  expect(agents.cameAgain(NODE)).toBe(false)
})

test('somebody else on the network who asks for a node does not make it look as if it had started again', async () => {
  expectNode()
  await agents.showToken(NODE, '192.0.2.9')
  expect(await agents.showToken(NODE, '192.0.2.66')).toBeUndefined()
  expect(agents.cameAgain(NODE)).toBe(false)
  expect(await agents.showToken(NODE, '192.0.2.9')).toBeUndefined()
  expect(agents.cameAgain(NODE)).toBe(true)
})

test('a first heartbeat that cannot be put on record is not accepted, and the next one is', async () => {
  let broken = true
  const onCall = async () => {
    if (broken) throw new Error('no disk')
  }
  expectNode({ onCall })
  await expect(client().heartbeat(NODE, heartbeat())).rejects.toThrow('500')
  expect(agents.callCount(NODE)).toBe(0)
  broken = false
  await client().heartbeat(NODE, heartbeat())
  expect(agents.callCount(NODE)).toBe(1)
})

test('an installer tells of itself with its token; it is no agent, and nobody looks its token up', async () => {
  const told: string[] = []
  const reports = new InstallerReports(async ({ status, message }) => void told.push(`${status} ${message}`))
  expectNode({ shown: true, installer: { reports, onOrders: async () => {} } })
  const report = (more: object) =>
    get(`/v1/heartbeat/${NODE}`, { method: 'POST', body: JSON.stringify({ callback_url: '', ...more }) })
  const known = { agent_token: TOKEN, agent_status: 'start', agent_status_message: 'hel\u001b[2Jlo' }
  expect((await report(known)).status).toBe(202)
  expect((await report({ ...known, agent_token: `${TOKEN}x` })).status).toBe(400)
  expect((await report({ ...known, agent_status: 'done' })).status).toBe(400)
  expect((await report({ agent_token: TOKEN })).status).toBe(400)
  expect((await report({ ...known, callback_url: 'https://192.0.2.9', agent_verify_ca: 'PEM' })).status).toBe(404)
  expect((await get(`/v1/lookup?addresses=${MAC}`)).status).toBe(404)
  expect((await get(`/v1/lookup?node_uuid=${NODE}`)).status).toBe(404)
  expect(told, 'a message is for people, and no order to their terminal').toEqual(['start hel [2Jlo'])
  expectNode({ node: 'other' })
  agents.forget(NODE)
  expect((await report(known)).status).toBe(404)
})
