// A path with dots, sent as no client library would send it: it names what it says, and never what stands further up.
import { request } from 'node:http'
import { expect, it } from 'vitest'
import { ask } from '../test-conductor.ts'
import { startTestHost, type TestHost } from './test-host.ts'

const status = (host: TestHost, method: string, path: string) =>
  new Promise<number | undefined>((resolve, reject) => {
    const headers = { Authorization: `Bearer ${host.token}`, 'X-OpenStack-Ironic-API-Version': 'latest' }
    request(host.url, { method, path, headers }, (answer) => {
      answer.resume()
      resolve(answer.statusCode)
    })
      .on('error', reject)
      .end()
  })

const STEP = { interface: 'bios', step: 'factory_reset', args: {}, order: 1 }

it('DELETE of a trait called .. does not delete the runbook, however the dots are written', async () => {
  const host = await startTestHost()
  try {
    const made = await ask(host, 'POST', '/v1/runbooks', { name: 'CUSTOM_STAYS', steps: [STEP] })
    expect(made.status).toBe(201)
    for (const up of ['..', '%2e%2e', '%2E.', '.%2e', '../', '..?x=/', '.', '%2e']) {
      await status(host, 'DELETE', `/v1/runbooks/CUSTOM_STAYS/traits/${up}`)
      expect([up, await status(host, 'GET', '/v1/runbooks/CUSTOM_STAYS')]).toEqual([up, 200])
    }
    expect(await status(host, 'GET', '/v1/runbooks/CUSTOM_STAYS/../CUSTOM_STAYS')).toBe(404)
    // Dots elsewhere are dots.
    expect(await status(host, 'GET', '/v1/runbooks?sort_key=..%2f../..')).toBe(400)
    expect(await status(host, 'GET', '/v1/runbooks/CUSTOM_STAYS?x=/../')).toBe(400)
  } finally {
    await host.stop()
  }
})
