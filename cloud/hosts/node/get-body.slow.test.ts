// The standard's Request has no body with GET, and clients send one: gophercloud asks for a subscription by the id in it.
import { request } from 'node:http'
import { expect, it } from 'vitest'
import { startTestHost } from './test-host.ts'
import { siteOn } from '../test-site.ts'

const look = { http_methods: ['GET'], async: false }

it('a vendor method that is asked with GET gets the body that came with it, and a body of nonsense is refused', async () => {
  const site = await siteOn(await startTestHost(), {
    answer: ({ method, args }) => (method === 'get_methods' ? { look } : args),
  })
  try {
    const made = await site.api('POST', '/v1/nodes', { driver: 'fake-hardware' })
    const path = `/v1/nodes/${made.body.uuid}/vendor_passthru?method=look&word=a`
    const got = (body: string) =>
      new Promise<[number | undefined, string]>((resolve, reject) => {
        const headers = { Authorization: `Bearer ${site.host.token}`, 'Content-Length': Buffer.byteLength(body) }
        const sent = request(site.host.url, { method: 'GET', path, headers }, async (answer) => {
          resolve([answer.statusCode, (await answer.toArray()).join('')])
        })
        sent.on('error', reject).end(body)
      })
    expect(await got('{"id":"ä1"}')).toEqual([200, '{"word":"a","id":"ä1"}'])
    expect((await got('{'))[0]).toBe(400)
    expect((await got(`{"id":"${'x'.repeat(2 ** 21)}"}`))[0]).toBe(413)
  } finally {
    await site.stop()
  }
})
