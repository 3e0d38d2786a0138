// Whom the client believes (caFile): nobody unknown.
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemEnv } from '../../shared/env.ts'
import { issueServer, newSiteCa } from '../site/site-ca.ts'
import { openHttp } from './http.ts'

test('a server is believed by the authorities in caFile, and by nothing else', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ferrule-openstack-tls-'))
  const now = new Date()
  const [ca, other] = [await newSiteCa(now), await newSiteCa(now)]
  const { certificate: cert, privateKey: key } = await issueServer(ca, ['127.0.0.1'], now)
  const server = https.createServer({ cert, key }, (_, response) => response.end('{}')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  await writeFile(join(folder, 'ca.pem'), ca.certificate)
  await writeFile(join(folder, 'other.pem'), other.certificate)
  const ask = async (caFile?: string) => {
    const http = openHttp(systemEnv, { timeoutMs: 10_000, caFile: caFile && join(folder, caFile) })
    return await http.ask({ method: 'GET', url, headers: {} }).finally(() => http.close())
  }
  try {
    expect(await ask('ca.pem')).toMatchObject({ status: 200, body: '{}' })
    await expect(ask('other.pem')).rejects.toMatchObject({ name: 'Unanswered', sent: false })
    await expect(ask()).rejects.toMatchObject({ name: 'Unanswered', sent: false })
  } finally {
    server.closeAllConnections()
    server.close()
    await rm(folder, { recursive: true, force: true })
  }
})
