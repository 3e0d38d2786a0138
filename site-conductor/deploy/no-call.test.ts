import { expect, test } from 'vitest'
import { inWords } from '../boot/timeline.ts'
import { noCall } from './no-call.ts'

const API = 'https://10.0.0.1:6384'

test('a machine that is never heard of is said to have shown nothing', () => {
  const { message, hint } = noCall(90_000, undefined, API).fault
  expect(message).toBe(
    'the machine was switched on, but no agent called within 90 s, and nothing of its boot was seen meanwhile',
  )
  expect(hint).toContain('network cable')
})

test('the last boot stage is named, and where it stood', () => {
  const stalled = inWords({ stage: 'stalled', detail: 'It asked for no file.' })
  expect(noCall(1000, { words: stalled, hasRamdisk: false }, API).fault).toMatchObject({
    message: expect.stringMatching(/the last boot stage was stalled: It asked for no file\.$/),
    hint: expect.stringContaining('DHCP relay'),
  })
  const loading = inWords({ stage: 'kernel', bytes: 10, totalBytes: 100, durationMs: 5 })
  expect(noCall(1000, { words: loading, hasRamdisk: false }, API).fault.message).toContain('kernel (10 of 100 bytes)')
})

test('a machine that has its ramdisk is to be looked at on its console', () => {
  const words = inWords({ stage: 'ramdisk', bytes: 100, totalBytes: 100, outcome: 'complete' })
  expect(words).toBe('ramdisk (100 of 100 bytes, complete)')
  expect(noCall(1000, { words, hasRamdisk: true }, API).fault.hint).toBe(
    `see its serial console; can it reach ${API} from there?`,
  )
})
