// Streams of events on the Node host: they end with the server, hold nothing for a client that does not read, and leave nothing behind.
import { expect, it } from 'vitest'
import { ask, enrol, TestConductor } from '../test-conductor.ts'
import { startTestHost, type TestHost } from './test-host.ts'

const open = (host: TestHost, path = '/v1/events', signal?: AbortSignal): Promise<Response> =>
  host.fetch(path, {
    headers: { Authorization: `Bearer ${host.token}`, Accept: 'text/event-stream' },
    ...(signal ? { signal } : {}),
  })

it('a server that stops ends its streams and waiting requests', async () => {
  const host = await startTestHost()
  const streams = await Promise.all(Array.from({ length: 20 }, () => open(host)))
  const ends = streams.map(async ({ body }) => {
    const reader = body!.getReader()
    for (;;) {
      const { done } = await reader.read().catch(() => ({ done: true }))
      if (done) return
    }
  })
  await host.stop()
  await Promise.all(ends)
})

it('a stream that its client leaves is forgotten, and a thousand are the most', async () => {
  const host = await startTestHost()
  const hub = host.cloud.ports.hub
  const [[organisation], [site]] = [
    (await host.cloud.ports.store.directory.all('SELECT id FROM organisations')).map(([id]) => String(id)),
    (await ask(host, 'GET', '/v1/sites')).body.sites.map(({ uuid }: { uuid: string }) => uuid),
  ]
  const ref = [{ organisation: organisation!, site: site! }]
  const watches = await Promise.all(
    Array.from({ length: 999 }, () => hub.watch(ref, { changed: () => undefined, ended: () => undefined })),
  )
  const abort = new AbortController()
  const last = await open(host, '/v1/events', abort.signal)
  expect(last.status).toBe(200)
  const refused = await open(host)
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '2'])
  abort.abort()
  await last.body!.cancel().catch(() => undefined)
  let status = 0
  for (let i = 0; i < 200 && status !== 200; i++) {
    const again = await open(host)
    status = again.status
    await again.body!.cancel()
  }
  expect(status, 'a place was free again').toBe(200)
  for (const watch of watches) watch.close()
  await host.stop()
})

it('an open stream is told of a site that is added, and of what happens there, when nothing happens elsewhere', async () => {
  const host = await startTestHost()
  const reader = (await open(host)).body!.pipeThrough(new TextDecoderStream()).getReader()
  const made = await ask(host, 'POST', '/v1/sites', { name: 'later' })
  const enrolled = await enrol(host, 'later', 'later')
  const conductor = await TestConductor.start(host, enrolled, 'later')
  let text = ''
  while (!text.includes('event: conductor.connected')) text += (await reader.read()).value ?? ''
  expect(text).toContain(`"site":"${made.body.uuid}"`)
  conductor.stop()
  await reader.cancel()
  await host.stop()
})

it.each(['abc', '-1', '1.5'])('Last-Event-ID %s is refused', async (id) => {
  const host = await startTestHost()
  const reply = await ask(host, 'GET', '/v1/events', undefined, { Accept: 'text/event-stream', 'Last-Event-ID': id })
  expect([reply.status, reply.body.code]).toEqual([400, 'request.invalid'])
  await host.stop()
})
