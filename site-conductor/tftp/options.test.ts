import { describe, expect, it } from 'vitest'
import { negotiate } from './options.ts'

const agree = (wants: Record<string, string>, sizeBytes = 1000) => negotiate(new Map(Object.entries(wants)), sizeBytes)

describe('TFTP option negotiation', () => {
  it('without options is plain RFC 1350', () => {
    expect(agree({})).toEqual({ blockBytes: 512, windowBlocks: 1, acknowledged: new Map() })
  })

  it('grants what firmware asks for', () => {
    const agreed = agree({ tsize: '0', blksize: '1468', windowsize: '4', timeout: '3' }, 173_792)
    expect(agreed).toMatchObject({ blockBytes: 1468, windowBlocks: 4, timeoutMs: 3000 })
    expect(Object.fromEntries(agreed.acknowledged)).toEqual({
      tsize: '173792',
      blksize: '1468',
      windowsize: '4',
      timeout: '3',
    })
  })

  it.each([
    ['blksize', '7'],
    ['blksize', '65465'],
    ['blksize', ''],
    ['blksize', '1468x'],
    ['blksize', '-8'],
    ['windowsize', '0'],
    ['windowsize', '65536'],
    ['timeout', '0'],
    ['timeout', '256'],
    ['tsize', 'x'],
    ['utimeout', '1000'],
  ])('leaves %s=%j out of the OACK', (name, value) => {
    expect(agree({ [name]: value })).toEqual(agree({}))
  })

  it('bounds a window in blocks and in bytes', () => {
    expect(agree({ windowsize: '65535' }).acknowledged.get('windowsize')).toBe('256')
    expect(agree({ windowsize: '256', blksize: '65464' })).toMatchObject({ windowBlocks: 16 })
  })
})
