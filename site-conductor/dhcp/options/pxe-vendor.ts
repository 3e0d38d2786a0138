// Option 43 as PXE uses it (PXE 2.1 §2.2.3 table 2-1, vendor class "PXEClient"): encapsulated sub-options.
// Sub-option 6, discovery control, bit 3 (8): boot the file named in this packet, ask no boot server.
import { CodecError, Reader } from '../cursor.ts'
import { readSuboptions, writeSuboptions } from './suboptions.ts'
import type { OptionCodec, OptionMap } from './option.ts'

const DISCOVERY_CONTROL = 6
const BOOT_ITEM = 71

export const BOOT_FILE_IN_THIS_PACKET = 8

export interface PxeVendorOptions {
  discoveryControl?: number
  /** What a client picked from a boot menu (table 2-1, tag 71): type and layer. */
  bootItem?: { type: number; layer: number }
  /** Every other sub-option, as it came. */
  other: OptionMap
}

export const pxeVendor: OptionCodec<PxeVendorOptions> = {
  code: 43,
  name: 'PXE vendor options',
  decode(bytes) {
    const other = readSuboptions(bytes, true)
    const value: PxeVendorOptions = { other }
    const control = other.get(DISCOVERY_CONTROL)
    if (control !== undefined) {
      if (control.length !== 1) throw new CodecError('discovery control is one byte')
      value.discoveryControl = new Reader(control).u8()
      other.delete(DISCOVERY_CONTROL)
    }
    const item = other.get(BOOT_ITEM)
    if (item !== undefined) {
      const reader = new Reader(item)
      value.bootItem = { type: reader.u16(), layer: reader.u16() }
      reader.end('boot item')
      other.delete(BOOT_ITEM)
    }
    return value
  },
  encode({ discoveryControl, bootItem, other }) {
    const all: OptionMap = new Map()
    if (discoveryControl !== undefined) all.set(DISCOVERY_CONTROL, Buffer.of(discoveryControl))
    if (bootItem !== undefined) {
      const bytes = Buffer.alloc(4)
      bytes.writeUInt16BE(bootItem.type, 0)
      bytes.writeUInt16BE(bootItem.layer, 2)
      all.set(BOOT_ITEM, bytes)
    }
    for (const [code, bytes] of other) all.set(code, bytes)
    return writeSuboptions(all, true)
  },
}
