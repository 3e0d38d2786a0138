import { describe, expect, it } from 'vitest'
import { broadcastAddress, ipv4Number, ipv4Text, macBytes, macText, netmask } from './address.ts'
import { CodecError } from './cursor.ts'

describe('addresses', () => {
  it.each([
    ['0.0.0.0', 0],
    ['10.77.0.1', 0x0a4d0001],
    ['255.255.255.255', 0xffffffff],
  ])('%s is %d', (text, number) => {
    expect(ipv4Number(text)).toBe(number)
    expect(ipv4Text(number)).toBe(text)
  })

  it.each(['', '1.2.3', '1.2.3.4.5', '256.0.0.1', '01.2.3.4', '1.2.3.4 ', '-1.2.3.4', '0x7f.0.0.1', '1..2.3'])(
    'refuses %j',
    (text) => {
      expect(() => ipv4Number(text)).toThrow(CodecError)
    },
  )

  it.each([
    [0, '0.0.0.0', '255.255.255.255'],
    [8, '255.0.0.0', '10.255.255.255'],
    [24, '255.255.255.0', '10.77.3.255'],
    [26, '255.255.255.192', '10.77.3.255'],
    [32, '255.255.255.255', '10.77.3.200'],
  ])('prefix length %d gives mask %s and broadcast %s', (prefixLength, mask, broadcast) => {
    expect(netmask(prefixLength)).toBe(mask)
    expect(broadcastAddress('10.77.3.200', prefixLength)).toBe(broadcast)
  })

  it.each([-1, 33, 1.5, Number.NaN])('refuses prefix length %d', (prefixLength) => {
    expect(() => netmask(prefixLength)).toThrow(CodecError)
  })

  it('reads MACs in either notation and writes one', () => {
    expect(macText(macBytes('52-54-00-AB-CD-EF'))).toBe('52:54:00:ab:cd:ef')
    for (const wrong of ['', '52:54:0', '5254.00ab.cdef', '52:54:00:ab:cd:eg']) {
      expect(() => macBytes(wrong)).toThrow(CodecError)
    }
  })
})
