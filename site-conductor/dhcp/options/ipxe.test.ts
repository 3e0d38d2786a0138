import { describe, expect, it } from 'vitest'
import { ipxe } from './ipxe.ts'
import { assert } from '../testdata/assert-option.ts'

describe('option 175, iPXE options', () => {
  it('of iPXE 1.21 says that it can fetch over HTTP', () => {
    const features = 'b105011af41000eb03010000170101240101130101110101270101290101150101120101'
    const value = ipxe.decode(Buffer.from(features, 'hex'))
    expect(value).toMatchObject({ http: true, noProxyDhcp: false })
    expect(value.all.get(0xb1)).toEqual(Buffer.from('011af41000', 'hex'))
    expect(Buffer.from(ipxe.encode(value)).toString('hex')).toBe(features)
  })

  it('to a client says in 3 bytes not to wait for a proxyDHCP server', () => {
    const bytes = ipxe.encode({ http: false, noProxyDhcp: true, all: new Map() })
    expect(Buffer.from(bytes).toString('hex')).toBe('b00101')
    expect(ipxe.decode(Buffer.from('b00101ff', 'hex')).noProxyDhcp).toBe(true)
  })

  it('switched off with a zero is off', () => {
    expect(ipxe.decode(Buffer.from('130100b00100', 'hex'))).toMatchObject({ http: false, noProxyDhcp: false })
  })

  it.each(['13', '130201'])('refuses %j', (hex) => assert.refuses(ipxe, hex))
})
