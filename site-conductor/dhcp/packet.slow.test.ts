import { describe, expect, it } from 'vitest'
import { CodecError } from './cursor.ts'
import { decodePacket, dhcpPacket, encodePacket } from './packet.ts'
import { CAPTURES, dhcpPayloads } from './testdata/captures.ts'
import { Random } from './testdata/random.ts'
import { readRequest } from './request.ts'

const everyPayload = CAPTURES.flatMap(({ file }) => {
  const { fromClient, fromServer } = dhcpPayloads(file)
  return [...fromClient, ...fromServer].map((payload, at) => ({ name: `${file} #${at}`, payload }))
})

describe('DHCP packet', () => {
  it('has every field in its place (RFC 2131 figure 1)', () => {
    const packet = dhcpPacket({
      op: 'reply',
      mac: '52:54:00:77:00:01',
      hops: 3,
      transactionId: 0x01020304,
      seconds: 0x0506,
      broadcast: true,
      ciaddr: '10.0.0.1',
      yiaddr: '10.0.0.2',
      siaddr: '10.0.0.3',
      giaddr: '10.0.0.4',
      serverName: 'server',
      bootFile: 'file',
      options: new Map([[53, Buffer.of(2)]]),
    })
    const bytes = encodePacket(packet)
    const hex = bytes.toString('hex')
    expect(hex.slice(0, 24)).toBe('020106030102030405068000')
    expect(hex.slice(24, 56)).toBe('0a0000010a0000020a0000030a000004')
    expect(hex.slice(56, 88)).toBe('52540077000100000000000000000000')
    expect(bytes.toString('latin1', 44, 51)).toBe('server\0')
    expect(bytes.toString('latin1', 108, 113)).toBe('file\0')
    expect(hex.slice(472, 488)).toBe('63825363350102ff')
    expect(bytes.length).toBe(300)
    expect(decodePacket(bytes)).toEqual(packet)
  })

  it.each(everyPayload)('$name decodes and encodes to the same bytes', ({ payload }) => {
    const packet = decodePacket(payload)
    const again = encodePacket(packet)
    expect(decodePacket(again)).toEqual(packet)
    const shared = Math.min(again.length, payload.length)
    expect(again.subarray(0, shared)).toEqual(payload.subarray(0, shared))
    expect(Buffer.concat([again.subarray(shared), payload.subarray(shared)]).every((byte) => byte === 0)).toBe(true)
  })

  it('tolerates padding after the end and a missing end', () => {
    const bytes = encodePacket(dhcpPacket({ options: new Map([[53, Buffer.of(1)]]) }))
    const padded = Buffer.concat([bytes, Buffer.alloc(200, 0xee)])
    expect(decodePacket(padded)).toEqual(decodePacket(bytes))
    expect(decodePacket(bytes.subarray(0, 243))).toEqual(decodePacket(bytes))
  })

  it('skips pads between options', () => {
    const bytes = encodePacket(dhcpPacket({}))
    bytes.set([0, 0, 53, 1, 1, 0, 12, 1, 0x61, 255], 240)
    expect([...decodePacket(bytes).options.keys()]).toEqual([53, 12])
  })

  it('cut off anywhere in its fixed part or inside an option is a CodecError', () => {
    const options = new Map([
      [53, Buffer.of(1)],
      [60, Buffer.from('PXEClient')],
    ])
    const whole = encodePacket(dhcpPacket({ options }))
    const tolerated = Array.from({ length: 255 }, (_, length) => length).filter((length) => {
      const outcome = outcomeOf(() => decodePacket(whole.subarray(0, length)))
      expect(outcome).toMatch(/^(value|CodecError)$/)
      return outcome === 'value'
    })
    // Just before an option, and with only the end missing.
    expect(tolerated).toEqual([240, 243, 254])
  })

  it('refuses a wrong op, hardware address length and cookie', () => {
    for (const [at, value] of [
      [0, 0],
      [0, 3],
      [2, 17],
      [236, 0],
    ] as const) {
      const bytes = encodePacket(dhcpPacket({}))
      bytes[at] = value
      expect(() => decodePacket(bytes)).toThrow(CodecError)
    }
  })

  it('splits options longer than 255 bytes and joins them again (RFC 3396)', () => {
    const long = new Random(1).bytes(700)
    const packet = dhcpPacket({ options: new Map([[43, long]]) })
    const bytes = encodePacket(packet)
    expect([bytes[241], bytes[240 + 257 + 1], bytes[240 + 514 + 1]]).toEqual([255, 255, 190])
    expect(decodePacket(bytes).options.get(43)).toEqual(long)
  })

  it('keeps an empty option', () => {
    const packet = dhcpPacket({ options: new Map([[80, Buffer.alloc(0)]]) })
    expect(decodePacket(encodePacket(packet)).options.get(80)).toHaveLength(0)
  })

  it('puts option 82 last, where relays look for it (RFC 3046 §2.1)', () => {
    const options = new Map([
      [82, Buffer.of(1, 1, 7)],
      [53, Buffer.of(2)],
    ])
    expect([...decodePacket(encodePacket(dhcpPacket({ options }))).options.keys()]).toEqual([53, 82])
  })

  it('reads overloaded file and sname, in that order (RFC 2132 §9.3, RFC 3396 §5)', () => {
    const bytes = encodePacket(dhcpPacket({}))
    bytes.set([52, 1, 3, 43, 1, 1, 255], 240)
    bytes.set([43, 1, 2, 255, 9, 9], 108)
    bytes.set([43, 1, 3, 12, 1, 0x61, 255], 44)
    const packet = decodePacket(bytes)
    expect(packet.options.get(43)).toEqual(Buffer.of(1, 2, 3))
    expect(packet.options.get(12)).toEqual(Buffer.from('a'))
    expect([packet.bootFile, packet.serverName, packet.options.has(52)]).toEqual(['', '', false])
  })

  it.each([0, 4, 255])('refuses option overload %d', (bits) => {
    const bytes = encodePacket(dhcpPacket({}))
    bytes.set([52, 1, bits, 255], 240)
    expect(() => decodePacket(bytes)).toThrow(CodecError)
  })

  it('keeps the pieces of a split option in order when they spread over file and sname', () => {
    const long = new Random(2).bytes(400)
    const packet = dhcpPacket({
      options: new Map([
        [12, Buffer.alloc(100)],
        [43, long],
      ]),
    })
    expect(() => encodePacket(packet, 548)).toThrow(CodecError)
    const roomier = dhcpPacket({ options: new Map([[43, long.subarray(0, 350)]]) })
    expect(decodePacket(encodePacket(roomier, 548))).toEqual(roomier)
  })

  it('uses file and sname for options only when they do not fit otherwise', () => {
    const options = new Map([1, 2, 3, 4, 5, 6, 7, 8].map((code) => [code, Buffer.alloc(50, code)]))
    const packet = dhcpPacket({ options })
    expect(
      encodePacket(packet, 1472)
        .subarray(44, 236)
        .every((byte) => byte === 0),
    ).toBe(true)
    const small = encodePacket(packet, 548)
    expect(small.length).toBeLessThanOrEqual(548)
    expect(decodePacket(small)).toEqual(packet)
    expect([...small.subarray(240, 242)]).toEqual([52, 1])
    expect(() => encodePacket({ ...packet, bootFile: 'used' }, 548)).toThrow(CodecError)
  })

  it('anything at all is a packet or a CodecError (100,000 cases)', () => {
    const seed = Number(process.env['SEED'] ?? 20_261_121)
    const random = new Random(seed)
    let decoded = 0
    for (let round = 0; round < 100_000; round++) {
      const original = everyPayload[random.below(everyPayload.length)]?.payload ?? Buffer.alloc(0)
      const bytes = random.below(20) === 0 ? random.bytes(random.below(400)) : random.mutated(original)
      const outcome = outcomeOf(() => {
        const packet = decodePacket(bytes)
        readRequest(packet)
        return packet
      })
      if (outcome === 'value') decoded++
      else if (outcome !== 'CodecError') throw new Error(`seed ${seed}: ${outcome} for ${bytes.toString('hex')}`)
    }
    expect(decoded).toBeGreaterThan(5_000)
  })

  it('what decodes comes back the same after encoding (10,000 mutated packets)', () => {
    const random = new Random(20_261_122)
    let compared = 0
    for (let round = 0; round < 10_000; round++) {
      const bytes = random.mutated(everyPayload[random.below(everyPayload.length)]?.payload ?? Buffer.alloc(0))
      if (outcomeOf(() => decodePacket(bytes)) !== 'value') continue
      const packet = decodePacket(bytes)
      expect(decodePacket(encodePacket(packet, 65_000))).toEqual(packet)
      compared++
    }
    expect(compared).toBeGreaterThan(1_000)
  })
})

/** 'value', or the name of what was thrown. */
function outcomeOf(run: () => unknown): string {
  try {
    run()
    return 'value'
  } catch (error) {
    return error instanceof CodecError ? 'CodecError' : String(error)
  }
}
