// What both sides compute from the password (IPMI 2.0 §13.28, §13.31, §13.32). Pure; M is the console, C the managed system.
// Invariant: ids enter little-endian and the role byte exactly as RAKP 1 carried it.
import { createHmac } from 'node:crypto'
import { Writer } from './cursor.ts'
import type { CipherSuite } from './suites.ts'

/** Everything the RAKP messages settled. */
export interface Transcript {
  suite: CipherSuite
  consoleId: number
  managedId: number
  consoleRandom: Uint8Array
  managedRandom: Uint8Array
  guid: Uint8Array
  role: number
  username: Uint8Array
}

export interface SessionKeys {
  suite: CipherSuite
  /** K1 signs packets. */
  integrity: Buffer
  /** The first 16 bytes of K2 encrypt them. */
  confidentiality: Buffer
}

/** RAKP 2's code: HMAC_Kuid(SIDm, SIDc, Rm, Rc, GUIDc, role, name). */
export function rakp2Code(transcript: Transcript, password: Uint8Array): Buffer {
  const { consoleId, managedId, consoleRandom, managedRandom, guid } = transcript
  const ids = new Writer(8).u32(consoleId).u32(managedId).done()
  return hmac(transcript, password, ids, consoleRandom, managedRandom, guid, who(transcript))
}

/** RAKP 3's code: HMAC_Kuid(Rc, SIDm, role, name). */
export function rakp3Code(transcript: Transcript, password: Uint8Array): Buffer {
  const id = new Writer(4).u32(transcript.consoleId).done()
  return hmac(transcript, password, transcript.managedRandom, id, who(transcript))
}

/** SIK: HMAC_Kg(Rm, Rc, role, name). `kg` is the BMC's key, or the password where none is set (one-key login). */
export function sessionIntegrityKey(transcript: Transcript, kg: Uint8Array): Buffer {
  return hmac(transcript, kg, transcript.consoleRandom, transcript.managedRandom, who(transcript))
}

/** RAKP 4's check value: HMAC_SIK(Rm, SIDc, GUIDc), cut. */
export function rakp4Check(transcript: Transcript, sik: Uint8Array): Buffer {
  const id = new Writer(4).u32(transcript.managedId).done()
  return hmac(transcript, sik, transcript.consoleRandom, id, transcript.guid).subarray(0, transcript.suite.checkBytes)
}

/** K1 and K2 = HMAC_SIK(constant). The constants are 20 bytes long for every hash, SHA-256 too. */
export function sessionKeys(suite: CipherSuite, sik: Uint8Array): SessionKeys {
  const k2 = hmac({ suite }, sik, Buffer.alloc(20, 2))
  return { suite, integrity: hmac({ suite }, sik, Buffer.alloc(20, 1)), confidentiality: k2.subarray(0, 16) }
}

function who({ role, username }: Transcript): Buffer {
  return new Writer(2 + username.length).u8(role).u8(username.length).put(username).done()
}

function hmac({ suite }: { suite: CipherSuite }, key: Uint8Array, ...parts: Uint8Array[]): Buffer {
  const digest = createHmac(suite.hash, key)
  for (const part of parts) digest.update(part)
  return digest.digest()
}
