import { describe, expect, it } from 'vitest'
import { CodecError } from '../cursor.ts'
import * as addresses from './addresses.ts'
import { assert } from '../testdata/assert-option.ts'

describe('address options', () => {
  it('holds one address', () => {
    assert.holds(addresses.subnetMask, 'ffffff00', '255.255.255.0')
    assert.holds(addresses.broadcast, '0a4d00ff', '10.77.0.255')
    assert.holds(addresses.requestedAddress, '0a4d0032', '10.77.0.50')
    assert.holds(addresses.serverIdentifier, '0a4d0001', '10.77.0.1')
  })

  it('holds one or more addresses', () => {
    assert.holds(addresses.routers, '0a4d0001', ['10.77.0.1'])
    assert.holds(addresses.dnsServers, '0a4d00350a4d0036', ['10.77.0.53', '10.77.0.54'])
  })

  it.each(['', '0a4d00', '0a4d000100'])('refuses %j where one address belongs', (hex) => {
    assert.refuses(addresses.serverIdentifier, hex)
  })

  it.each(['', '0a4d00', '0a4d00350a'])('refuses %j where addresses belong', (hex) => {
    assert.refuses(addresses.dnsServers, hex)
  })

  it('does not write an empty list, which would be malformed', () => {
    expect(() => addresses.routers.encode([])).toThrow(CodecError)
  })
})
