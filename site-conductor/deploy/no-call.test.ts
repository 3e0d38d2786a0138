import { expect, test } from 'vitest'
import { Agents } from '../agents.ts'
import { inWords } from '../boot/timeline.ts'
import { noCall } from './no-call.ts'

const API = 'https://10.0.0.1:6384'
const expected = { node: 'n', macs: [], token: 't', properties: {}, instanceInfo: {}, shown: false }
const expectation = { ...expected, onShown: async () => {} }

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

test('stages belong to one boot, and a lookup is one', async () => {
  const agents = new Agents()
  agents.saw('n', 'dhcp-ack')
  agents.expect(expectation)
  expect(agents.lastSeen('n'), 'seen before it was expected').toBeUndefined()
  agents.saw('n', 'kernel', 'kernel (1 bytes)')
  agents.saw('other', 'ramdisk')
  expect(agents.lastSeen('n')).toEqual({ words: 'kernel (1 bytes)', hasRamdisk: false })
  await agents.showToken('n')
  expect(agents.lastSeen('n')).toEqual({ words: 'agent.lookup', hasRamdisk: true })
  agents.forget('n')
  agents.expect({ ...expectation, token: 'u' })
  expect(agents.lastSeen('n')).toBeUndefined()
})

test('the address that a ramdisk asks for does not hide that the machine has loaded it', () => {
  const agents = new Agents()
  agents.expect(expectation)
  agents.saw('n', 'ramdisk')
  agents.saw('n', 'dhcp-ack')
  expect(agents.lastSeen('n')).toEqual({ words: 'dhcp-ack', hasRamdisk: true })
})
