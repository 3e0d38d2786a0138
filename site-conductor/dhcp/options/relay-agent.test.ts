import { describe, it } from 'vitest'
import { relayAgent } from './relay-agent.ts'
import { assert } from '../testdata/assert-option.ts'

describe('option 82, relay agent information', () => {
  it('holds circuit and remote identifiers and whatever else', () => {
    assert.holds(relayAgent, '0104000a0102 0206aabbccddeeff 05040a4d0001', {
      circuitId: Buffer.from('000a0102', 'hex'),
      remoteId: Buffer.from('aabbccddeeff', 'hex'),
      other: new Map([[5, Buffer.from('0a4d0001', 'hex')]]),
    })
  })

  it('says that replies go to the source port (RFC 8357 §5)', () => {
    assert.holds(relayAgent, '0104000a0102 1300', {
      circuitId: Buffer.from('000a0102', 'hex'),
      sourcePort: true,
      other: new Map(),
    })
  })

  it('has no pad: code 0 is an option like any other', () => {
    assert.holds(relayAgent, '000155', { other: new Map([[0, Buffer.of(0x55)]]) })
  })

  it.each(['01', '0104000a'])('refuses %j', (hex) => assert.refuses(relayAgent, hex))
})
