import { expect, it } from 'vitest'
import { encodeBootEntry, devicePathOf } from '../disk/boot-entry.ts'
import { CodecError } from '../../shared/codec-error.ts'
import { noise } from '../testing.ts'
import { devicePathText } from './device-path.ts'

const END = '7fff0400'

// As OVMF and QEMU write them; the texts are efibootmgr's.
it.each([
  [
    'a NIC over IPv4',
    '02010c00d041030a00000000' +
      '0101060000 03'.replace(' ', '') +
      '030b2500525400123456' +
      '00'.repeat(26) +
      '01' +
      '030c1b00' +
      '00'.repeat(23),
    'PciRoot(0x0)/Pci(0x3,0x0)/MAC(525400123456,1)/IPv4(0.0.0.0,0.0.0.0)',
  ],
  [
    'a drive of a controller',
    '02010c00d041030a00000000' + '010106000 21f'.replace(' ', '') + '03120a000200ffff0000',
    'PciRoot(0x0)/Pci(0x1f,0x2)/Sata(2,65535,0)',
  ],
  [
    'a program of the firmware',
    '04071400c9bdb87cebf8344faaea3ee4af6516a10406140021aa2c4614760345836e8ab6f4662331',
    'FvVol(7cb8bdc9-f8eb-4f34-aaea-3ee4af6516a1)/FvFile(462caa21-7614-4503-836e-8ab6f4662331)',
  ],
  ['an HTTP address', '03180c00' + Buffer.from('http://x').toString('hex'), 'Uri(http://x)'],
  ['what nobody knows', '09020600abcd', 'Path(9,2,abcd)'],
  ['nothing', '', ''],
])('%s', (_, hex, text) => {
  expect(devicePathText(Buffer.from(hex + END, 'hex'))).toBe(text)
})

it('a file of a disk', () => {
  const partition = { number: 1, guid: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B', firstLba: 0x800, lastLba: 0x10_07ff }
  const entry = encodeBootEntry({ description: 'x', partition, path: '\\EFI\\BOOT\\BOOTX64.EFI' })
  expect(devicePathText(devicePathOf(entry))).toBe(
    'HD(1,GPT,c12a7328-f81f-11d2-ba4b-00a0c93ec93b,0x800,0x100000)/File(\\EFI\\BOOT\\BOOTX64.EFI)',
  )
})

it('any bytes are a text or a CodecError', () => {
  for (let seed = 1; seed < 500; seed++) {
    const bytes = noise(seed % 64, seed)
    for (let at = 0; at + 3 < bytes.length; at += 8) bytes.set([1 + (seed % 5), seed % 25, 8, 0], at)
    try {
      expect(typeof devicePathText(bytes)).toBe('string')
    } catch (error) {
      expect(error).toBeInstanceOf(CodecError)
    }
  }
})
