// Option 82, relay agent information (RFC 3046 §2.0): what a relay says about where the client is plugged in. A server
// sends it back unchanged (§2.2); for that the raw bytes are echoed, this codec is for reading it.
import { readSuboptions, writeSuboptions } from './suboptions.ts'
import type { OptionCodec, OptionMap } from './option.ts'

const CIRCUIT_ID = 1
const REMOTE_ID = 2

export interface RelayAgentInformation {
  circuitId?: Uint8Array
  remoteId?: Uint8Array
  other: OptionMap
}

export const relayAgent: OptionCodec<RelayAgentInformation> = {
  code: 82,
  name: 'relay agent information',
  decode(bytes) {
    const other = readSuboptions(bytes, false)
    const circuitId = other.get(CIRCUIT_ID)
    const remoteId = other.get(REMOTE_ID)
    other.delete(CIRCUIT_ID)
    other.delete(REMOTE_ID)
    return { ...(circuitId && { circuitId }), ...(remoteId && { remoteId }), other }
  },
  encode({ circuitId, remoteId, other }) {
    const all: OptionMap = new Map()
    if (circuitId) all.set(CIRCUIT_ID, circuitId)
    if (remoteId) all.set(REMOTE_ID, remoteId)
    for (const [code, bytes] of other) all.set(code, bytes)
    return writeSuboptions(all, false)
  },
}
