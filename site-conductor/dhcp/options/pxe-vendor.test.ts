import { describe, expect, it } from 'vitest'
import { BOOT_FILE_IN_THIS_PACKET, pxeVendor } from './pxe-vendor.ts'
import { assert } from '../testdata/assert-option.ts'

describe('option 43, PXE vendor options', () => {
  it('holds discovery control', () => {
    const value = { discoveryControl: BOOT_FILE_IN_THIS_PACKET, other: new Map() }
    assert.holds(pxeVendor, '060108ff', value)
  })

  it('holds a boot item and keeps what it does not know', () => {
    const value = { bootItem: { type: 0x8001, layer: 2 }, other: new Map([[10, Buffer.of(5, 0x50)]]) }
    assert.holds(pxeVendor, '470480010002 0a020550 ff', value)
  })

  it('skips pads and reads nothing after the end', () => {
    expect(pxeVendor.decode(Buffer.from('0000060108ff0601', 'hex')).discoveryControl).toBe(8)
  })

  it.each(['06', '0602', '06020808', '4703800100', '06ff08'])('refuses %j', (hex) => assert.refuses(pxeVendor, hex))
})
