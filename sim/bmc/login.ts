// How a BMC lets somebody in (IPMI 2.0 §13.17 to §13.24): Open Session, RAKP 1 and RAKP 3, each answered from its payload.
import { timingSafeEqual } from 'node:crypto'
import { rakp2Code, rakp3Code, rakp4Check, sessionIntegrityKey } from '../../site-conductor/ipmi/codec/keys.ts'
import { decodeOpenSessionRequest, encodeOpenSessionResponse } from '../../site-conductor/ipmi/codec/open-session.ts'
import { decodeRakp1, nameOnlyLookup } from '../../site-conductor/ipmi/codec/rakp1.ts'
import { encodeRakp2 } from '../../site-conductor/ipmi/codec/rakp2.ts'
import { decodeRakp3 } from '../../site-conductor/ipmi/codec/rakp3.ts'
import { encodeRakp4 } from '../../site-conductor/ipmi/codec/rakp4.ts'
import { rakpStatus } from '../../site-conductor/ipmi/codec/rakp-status.ts'
import { suiteOf, type SuiteId } from '../../site-conductor/ipmi/codec/suites.ts'
import type { Proof, SessionTable, User } from './sessions.ts'

interface Door {
  readonly sessions: SessionTable
  readonly users: readonly User[]
  readonly offered: readonly SuiteId[]
  readonly guid: Uint8Array
  readonly kg: Uint8Array | undefined
  random(length: number): Uint8Array
}

export function createLogin({ sessions, users, offered, guid, kg, random }: Door) {
  function openSession(payload: Uint8Array): Buffer {
    const request = decodeOpenSessionRequest(payload)
    const suite = suiteOf(request)
    // 0 asks for the highest level; freeipmi wants to be told which one that is.
    const privilege = request.privilege || 4
    const answer = (status: number, managedId = 0) =>
      encodeOpenSessionResponse({ ...request, status, managedId, privilege })
    if (!suite || !offered.includes(suite.id)) return answer(rakpStatus.noSuite)
    const session = sessions.open(request.consoleId, suite, privilege)
    return session ? answer(0, session.id) : answer(rakpStatus.noSessionLeft)
  }

  function rakp1(payload: Uint8Array): Buffer | undefined {
    const { tag, managedId, consoleRandom, role, username } = decodeRakp1(payload)
    const session = sessions.get(managedId)
    if (!session || session.keys) return undefined
    const { consoleId, suite } = session
    const nothing = new Uint8Array(0)
    const refuse = (status: number) => {
      sessions.close(session)
      return encodeRakp2({ tag, status, consoleId, managedRandom: nothing, guid: nothing, authCode: nothing })
    }
    const wanted = role & 0x0f || 4
    const name = Buffer.from(username).toString()
    const known = users.filter((user) => user.name === name)
    const user = role & nameOnlyLookup ? known[0] : known.find(({ limit }) => limit >= wanted)
    if (!user) return refuse(rakpStatus.unauthorizedName)
    if (wanted > user.limit || wanted > session.asked) return refuse(rakpStatus.unauthorizedPrivilege)
    const repeated = session.proof && same(session.proof.transcript.consoleRandom, consoleRandom)
    if (!repeated) {
      const randoms = { consoleRandom: Uint8Array.from(consoleRandom), managedRandom: Uint8Array.from(random(16)) }
      const transcript = { suite, consoleId, managedId, ...randoms, guid, role, username: Uint8Array.from(username) }
      const sik = sessionIntegrityKey(transcript, kg ?? Buffer.from(user.password))
      session.proof = { transcript, user, most: wanted, sik }
    }
    const { transcript } = session.proof as Proof
    const authCode = rakp2Code(transcript, Buffer.from(user.password))
    return encodeRakp2({ tag, status: 0, consoleId, managedRandom: transcript.managedRandom, guid, authCode })
  }

  function rakp3(payload: Uint8Array): Buffer | undefined {
    const { tag, status, managedId, authCode } = decodeRakp3(payload)
    const session = sessions.get(managedId)
    if (!session?.proof) return undefined
    const { consoleId, proof } = session
    if (status !== 0) {
      if (!session.keys) sessions.close(session)
      return undefined
    }
    if (!same(authCode, rakp3Code(proof.transcript, Buffer.from(proof.user.password)))) {
      if (!session.keys) sessions.close(session)
      return encodeRakp4({ tag, status: rakpStatus.invalidCheckValue, consoleId, checkValue: new Uint8Array(0) })
    }
    if (!session.keys) sessions.activate(session, proof)
    return encodeRakp4({ tag, status: 0, consoleId, checkValue: rakp4Check(proof.transcript, proof.sik) })
  }

  return { openSession, rakp1, rakp3 }
}

function same(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && timingSafeEqual(left, right)
}
