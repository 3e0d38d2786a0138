import { describe, it } from 'vitest'
import { messageType } from './message-type.ts'
import { assert } from '../testdata/assert-option.ts'

describe('option 53, message type', () => {
  it.each([
    ['01', 'discover'],
    ['02', 'offer'],
    ['03', 'request'],
    ['04', 'decline'],
    ['05', 'ack'],
    ['06', 'nak'],
    ['07', 'release'],
    ['08', 'inform'],
  ] as const)('%s is %s', (hex, type) => assert.holds(messageType, hex, type))

  it.each(['', '00', '09', 'ff', '0101'])('refuses %j', (hex) => assert.refuses(messageType, hex))
})
