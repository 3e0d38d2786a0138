// Whom the client believes (redfish_verify_ca): nobody unknown, nobody under another name, and everybody only where that was asked for.
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { issueServer, newSiteCa } from '../site/site-ca.ts'
import { parseEndpoint } from './endpoint.ts'
import { openWire, type Verify } from './wire.ts'

let folder: string
let url: string
let server: https.Server

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ferrule-redfish-tls-'))
  const now = new Date()
  const [ca, other] = [await newSiteCa(now), await newSiteCa(now)]
  const { certificate: cert, privateKey: key } = await issueServer(ca, ['127.0.0.1'], now)
  await mkdir(join(folder, 'authorities'))
  await mkdir(join(folder, 'empty'))
  await writeFile(join(folder, 'ca.pem'), ca.certificate)
  await writeFile(join(folder, 'other.pem'), other.certificate)
  await writeFile(join(folder, 'secret.txt'), 'root:x:0:0')
  await writeFile(join(folder, 'authorities', 'a.pem'), other.certificate)
  await writeFile(join(folder, 'authorities', 'b.pem'), ca.certificate)
  server = https.createServer({ cert, key }, (_, response) => response.end('{}'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await rm(folder, { recursive: true, force: true })
})

async function ask(verify: Verify, address = url): Promise<number> {
  const wire = openWire(parseEndpoint(address), verify)
  try {
    return (await wire.exchange({ method: 'GET', path: '/', headers: {} })).status
  } finally {
    wire.close()
  }
}

test.each([
  ['a file', 'ca.pem'],
  ['a folder', 'authorities'],
])('the authority is in %s', async (_, name) => {
  expect(await ask(join(folder, name))).toBe(200)
})

test('false: whoever answers is believed', async () => {
  expect(await ask(false)).toBe(200)
})

test('true: an authority that the system does not know is not trusted', async () => {
  await expect(ask(true)).rejects.toMatchObject({ kind: 'tls', message: expect.stringContaining('not trusted') })
})

test('another authority is not trusted', async () => {
  await expect(ask(join(folder, 'other.pem'))).rejects.toMatchObject({ kind: 'tls' })
})

test('a certificate for another name is not trusted', async () => {
  const { port } = new URL(url)
  await expect(ask(join(folder, 'ca.pem'), `https://localhost:${port}`)).rejects.toMatchObject({
    kind: 'tls',
    message: expect.stringContaining('another name'),
  })
})

test('a server without TLS is no TLS server', async () => {
  await expect(ask(false, url.replace('127.0.0.1', 'localhost').replace('https', 'http'))).rejects.toMatchObject({
    kind: 'unreachable',
  })
})

test.each([['nowhere.pem'], ['secret.txt'], ['empty']])(
  '%s has no authority, and its text is not repeated',
  async (name) => {
    const error = await ask(join(folder, name)).catch((thrown: unknown) => thrown as Error)
    expect(error).toMatchObject({ kind: 'argument', message: expect.stringContaining(name) })
    expect((error as Error).message).not.toContain('root:')
  },
)
