// image_download_source local: the conductor fetches the image and the agent has it from there, also when conductors start again or are replaced.
import { expect, test } from 'vitest'
import { sha256 } from '../../agent/testing.ts'
import {
  boots,
  conductor,
  give,
  hub,
  image,
  imageRequests,
  instance,
  knobs,
  localRequests,
  stages,
  startAgain,
  written,
} from './testdata/direct-rack.ts'

test('image_download_source local: the conductor fetches and keeps the image, agents have it from there while they write', async () => {
  give(instance({ image_download_source: 'local' }))
  expect((await hub.next('result')).outcome).toEqual({ ok: true })
  expect([imageRequests, localRequests]).toEqual([1, 1])
  expect(await written()).toBe(sha256(image.subarray(0x200)))
  const kept = hub.all('event').flatMap(({ events }) => events.map(({ context }) => context?.['image_url']))
  expect(kept.filter((url) => url !== undefined)).toEqual([null, expect.stringMatching(/^sealed:1:/), null])
  hub.frames.length = 0
  give(instance({ image_download_source: 'local' }))
  expect((await hub.next('result')).outcome).toEqual({ ok: true })
  expect([imageRequests, localRequests]).toEqual([1, 2])
})

test('an image that is not what it should be reaches no agent', async () => {
  give(instance({ image_download_source: 'local', image_os_hash_value: '0'.repeat(64) }))
  expect((await hub.next('result')).outcome).toMatchObject({ ok: false, step: 5, fault: { code: 'image.digest' } })
  expect(localRequests).toBe(0)
})

test.each([
  ['starts again, the agent goes on where it was', true],
  ['is replaced by another, the agent begins anew with that', false],
])('a conductor whose image an agent is writing %s', async (_, isSame) => {
  const release = Promise.withResolvers<void>()
  knobs.heldHere = release.promise
  give(instance({ image_download_source: 'local' }))
  await hub.until(() => localRequests > 0)
  await conductor.close()
  if (!isSame) knobs.filePort = undefined
  await startAgain()
  await hub.until(() => hub.all('hello').length === 2)
  await hub.until(() => localRequests > 1)
  release.resolve()
  expect((await hub.next('result')).outcome).toEqual({ ok: true })
  expect(boots).toBe(1)
  expect(stages().includes('write_image.resumed')).toBe(isSame)
  expect(await written()).toBe(sha256(image.subarray(0x200)))
})
