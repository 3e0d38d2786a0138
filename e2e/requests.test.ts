// What is wrong with a request is said at once, with the next action, and changes nothing.
import { expect, test } from 'vitest'
import { ApiError } from '../sim/api.ts'
import { startStory } from './story.ts'

/** The body of the refusal as text: message and hint. */
async function refusal(call: Promise<unknown>): Promise<{ status: number; text: string }> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof ApiError)) throw new Error(`not refused: ${String(error)}`)
  return { status: error.status, text: JSON.stringify(error.body) }
}

test.concurrent('an unknown driver is refused with the place that lists the drivers', async (context) => {
  await using story = await startStory(context, { machines: 0 })
  const { api } = story
  const refused = await refusal(api.call('POST', '/nodes', { name: 'n', driver: 'impi' }))
  expect(refused.status).toBe(400)
  expect(refused.text).toContain('impi')
  expect(refused.text).toContain('/v1/drivers')
  expect(await api.call('GET', '/nodes')).toMatchObject({ nodes: [] })
  expect(await api.call('POST', '/nodes', { name: 'n', driver: 'ipmi' })).toMatchObject({ provision_state: 'enroll' })
})

test.concurrent('a MAC address that is none is refused with what was given', async (context) => {
  await using story = await startStory(context, { machines: 1, createNodes: false })
  const { api, machine } = story
  const { uuid } = (await api.call('POST', '/nodes', { name: 'n', driver: 'ipmi' })) as { uuid: string }
  const refused = await refusal(api.call('POST', '/ports', { node_uuid: uuid, address: '52:54:00:zz:00:01' }))
  expect(refused.status).toBe(400)
  expect(refused.text).toContain('MAC address')
  const { mac } = machine.options
  expect(await api.call('POST', '/ports', { node_uuid: uuid, address: mac })).toMatchObject({ address: mac })
  expect((await refusal(api.call('POST', '/ports', { node_uuid: uuid, address: mac }))).status).toBe(409)
})
