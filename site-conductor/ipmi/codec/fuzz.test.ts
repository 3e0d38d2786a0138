// One property for all decoders: any bytes give a value or a CodecError. fast-check prints seed and counterexample.
// FUZZ_RUNS=1000000 digs deeper.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CodecError } from './cursor.ts'
import { sessionKeys } from './keys.ts'
import { decodeRequest, decodeResponse, encodeResponse } from './message.ts'
import * as openSession from './open-session.ts'
import { decodeRakp1, encodeRakp1 } from './rakp1.ts'
import { decodeRakp2, encodeRakp2 } from './rakp2.ts'
import { decodeRakp3 } from './rakp3.ts'
import { decodeRakp4 } from './rakp4.ts'
import { afterRmcp } from './rmcp.ts'
import { decodeSession15, encodeSession15 } from './session15.ts'
import { decodeSession20, encodePlain20, encodeSealed20, unseal20 } from './session20.ts'
import { decodeSol } from './sol.ts'
import { decodeSensorRecord } from './sensor-record.ts'
import { suites } from './suites.ts'

const keys = sessionKeys(suites[17], Buffer.alloc(32, 1))

const decoders: { [name: string]: (bytes: Uint8Array) => unknown } = {
  afterRmcp,
  decodeSession15: (bytes) => decodeSession15(afterRmcp(bytes)),
  unseal20: (bytes) => unseal20(afterRmcp(bytes), decodeSession20(afterRmcp(bytes)), keys),
  decodeRequest,
  decodeResponse,
  openRequest: openSession.decodeOpenSessionRequest,
  openResponse: openSession.decodeOpenSessionResponse,
  decodeRakp1,
  decodeRakp2,
  decodeRakp3,
  decodeRakp4,
  decodeSol,
  decodeSensorRecord,
}

const response = encodeResponse({ netFn: 1, command: 1, sequence: 1, completionCode: 0, data: Buffer.alloc(3) })
const opened = { tag: 1, status: 0, privilege: 4, consoleId: 1, managedId: 2, ...suites[17] }
const sixteen = Buffer.alloc(16)
const specimens = [
  encodeSession15(response),
  encodePlain20(0x11, openSession.encodeOpenSessionResponse(opened)),
  openSession.encodeOpenSessionResponse(opened),
  openSession.encodeOpenSessionRequest(opened),
  encodeRakp1({ tag: 1, managedId: 1, consoleRandom: sixteen, role: 0x14, username: Buffer.from('admin') }),
  encodeRakp2({ tag: 1, status: 0, consoleId: 1, managedRandom: sixteen, guid: sixteen, authCode: sixteen }),
  encodeSealed20({ payloadType: 0, sessionId: 1, sequence: 1, payload: response }, keys, sixteen),
  response,
]

/** Noise, and real messages that were cut, lengthened or changed in a few places. */
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 120 }),
  fc
    .record({
      specimen: fc.constantFrom(...specimens),
      changes: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
      cut: fc.nat(20),
      tail: fc.uint8Array({ maxLength: 8 }),
    })
    .map(({ specimen, changes, cut, tail }) => {
      const changed = Buffer.concat([specimen.subarray(0, specimen.length - cut), tail])
      for (const [at, value] of changes) if (changed.length > 0) changed[at % changed.length] = value
      return changed
    }),
)

const numRuns = Number(process.env['FUZZ_RUNS'] ?? 2_000)

test.each(Object.entries(decoders))('%s: a value or a CodecError', (_name, decode) => {
  const property = fc.property(bytes, (input) => {
    try {
      decode(input)
    } catch (error) {
      if (!(error instanceof CodecError)) throw error
    }
  })
  expect(() => fc.assert(property, { numRuns })).not.toThrow()
})
