import { expect, test } from 'vitest'
import { Agents } from './agents.ts'

const expected = { node: 'n', macs: [], token: 't', properties: {}, instanceInfo: {}, shown: false }
const expectation = { ...expected, onShown: async () => {}, onScript: async () => {}, onCall: async () => {} }

test('stages belong to one boot, and a lookup is one', async () => {
  const agents = new Agents()
  agents.saw('n', 'dhcp-ack')
  agents.expect(expectation)
  expect(agents.lastSeen('n'), 'seen before it was expected').toBeUndefined()
  agents.saw('n', 'kernel', 'kernel (1 bytes)')
  agents.saw('other', 'ramdisk')
  expect(agents.lastSeen('n')).toEqual({ words: 'kernel (1 bytes)', hasRamdisk: false })
  await agents.showToken('n', '10.0.0.2')
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

test('a machine that was reset and is slow to start again is known by what it loads, before its second agent asks', async () => {
  const agents = new Agents()
  agents.expect(expectation)
  agents.saw('n', 'ramdisk')
  expect(agents.cameAgain('n'), 'its first start').toBe(false)
  await agents.heard('n', 't', { url: 'https://10.0.0.2', version: '1', certificate: '' })
  agents.saw('n', 'dhcp-ack')
  expect(agents.cameAgain('n'), 'a lease that is renewed').toBe(false)
  agents.saw('n', 'ipxe-script')
  expect(agents.cameAgain('n')).toBe(true)
})
