// Decodes real sessions of ipmitool (user admin, password secret) and computes every key and proof in them anew: suite 3 with ipmi_sim;
// suite 17, which no foreign BMC at hand speaks, with our simulated one, of whose proofs ipmitool was the judge.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import * as keys from './keys.ts'
import { decodeRequest, decodeResponse, encodeRequest } from './message.ts'
import { decodeOpenSessionRequest, decodeOpenSessionResponse } from './open-session.ts'
import { decodeRakp1 } from './rakp1.ts'
import { decodeRakp2 } from './rakp2.ts'
import { decodeRakp3, encodeRakp3 } from './rakp3.ts'
import { decodeRakp4 } from './rakp4.ts'
import { afterRmcp } from './rmcp.ts'
import { decodeSession15 } from './session15.ts'
import { decodeSession20, encodePlain20, encodeSealed20, payloadType, unseal20 } from './session20.ts'
import { suiteOf, suites } from './suites.ts'

const password = Buffer.from('secret')

/** UDP payloads of a little-endian pcap with Ethernet frames and IPv4. */
function udpPayloads(pcap: Buffer): Buffer[] {
  const found: Buffer[] = []
  for (let at = 24; at < pcap.length;) {
    const length = pcap.readUInt32LE(at + 8)
    const frame = pcap.subarray(at + 16, at + 16 + length)
    at += 16 + length
    if (frame.readUInt16BE(12) !== 0x0800 || frame[23] !== 17) continue
    const udp = frame.subarray(14 + ((frame[14] ?? 0) & 0x0f) * 4)
    found.push(udp.subarray(8, udp.readUInt16BE(4)))
  }
  return found
}

const captures = [
  ['ipmitool-1.8.19-power-status-suite3-ipmi_sim-2.0.33.pcap', suites[3]],
  ['ipmitool-1.8.19-power-status-suite17-ferrule-sim.pcap', suites[17]],
] as const

describe.each(captures)('%s', (file, suite) => {
  const datagrams = udpPayloads(readFileSync(new URL(`../testdata/${file}`, import.meta.url)))

  function plain<Message>(at: number, type: number, decode: (payload: Uint8Array) => Message): Message {
    const frame = decodeSession20(afterRmcp(datagrams[at] ?? Buffer.alloc(0)))
    expect(frame).toMatchObject({ payloadType: type, sessionId: 0, sequence: 0, encrypted: false, signed: false })
    return decode(frame.payload)
  }

  const rakp1 = plain(4, payloadType.rakp1, decodeRakp1)
  const rakp2 = plain(5, payloadType.rakp2, decodeRakp2)
  const transcript: keys.Transcript = { ...rakp1, ...rakp2, suite }
  const sik = keys.sessionIntegrityKey(transcript, password)
  const sessionKeys = keys.sessionKeys(suite, sik)

  test('asks for the authentication capabilities outside of a session', () => {
    const request = decodeRequest(decodeSession15(afterRmcp(datagrams[0] ?? Buffer.alloc(0))))
    expect(request).toMatchObject({ netFn: 6, command: 0x38, data: Buffer.of(0x8e, 0x04) })
    const response = decodeResponse(decodeSession15(afterRmcp(datagrams[1] ?? Buffer.alloc(0))))
    expect(response).toMatchObject({ netFn: 7, command: 0x38, completionCode: 0 })
  })

  test('settles on the suite', () => {
    const [asked, opened] = [plain(2, 0x10, decodeOpenSessionRequest), plain(3, 0x11, decodeOpenSessionResponse)]
    expect(suiteOf(asked)).toBe(suite)
    expect(suiteOf(opened)).toBe(suite)
    expect(opened).toMatchObject({ tag: asked.tag, status: 0, consoleId: asked.consoleId, managedId: rakp1.managedId })
  })

  test('both sides prove the password', () => {
    expect(rakp2.authCode).toEqual(keys.rakp2Code(transcript, password))
    const rakp3 = plain(6, payloadType.rakp3, decodeRakp3)
    expect(rakp3.authCode).toEqual(keys.rakp3Code(transcript, password))
    expect(encodePlain20(payloadType.rakp3, encodeRakp3(rakp3))).toEqual(datagrams[6])
    expect(plain(7, payloadType.rakp4, decodeRakp4).checkValue).toEqual(keys.rakp4Check(transcript, sik))
    expect(rakp2.authCode).not.toEqual(keys.rakp2Code(transcript, Buffer.from('secres')))
  })

  test('every packet of the session opens, and ours would be the same byte for byte', () => {
    const inside = datagrams.slice(8)
    expect(inside).toHaveLength(14)
    const commands = inside.map((datagram, index) => {
      const wrapper = afterRmcp(datagram)
      const frame = decodeSession20(wrapper)
      const message = unseal20(wrapper, frame, sessionKeys)
      const { sessionId, sequence } = frame
      const ours = { payloadType: payloadType.ipmi, sessionId, sequence, payload: message }
      expect(encodeSealed20(ours, sessionKeys, frame.payload.subarray(0, 16))).toEqual(datagram)
      if (index % 2 === 1) return decodeResponse(message)
      const request = decodeRequest(message)
      expect(encodeRequest(request)).toEqual(Buffer.from(message))
      return request
    })
    const status = commands.findLast(({ netFn, command }) => netFn === 1 && command === 1)
    expect(status).toMatchObject({ completionCode: 0 })
    expect((status?.data[0] ?? 0xff) & 1).toBe(0)
  })
})
