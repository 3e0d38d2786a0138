// Option 82, relay agent information (RFC 3046 §2.0): what a relay says about where the client is plugged in. A server
// sends it back unchanged (§2.2); for that the raw bytes are echoed, this codec is for reading it.
import { readSuboptions, writeSuboptions } from './suboptions.ts'
import type { OptionCodec, OptionMap } from './option.ts'

const CIRCUIT_ID = 1
const REMOTE_ID = 2
/** RFC 8357 §5: "answer to the port that I sent from", for relays that may not use port 67. */
const SOURCE_PORT = 19

export interface RelayAgentInformation {
  circuitId?: Uint8Array
  remoteId?: Uint8Array
  /** Replies go to the relay's source port instead of port 67 (RFC 8357 §5). */
  sourcePort?: true
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
    const sourcePort = other.delete(SOURCE_PORT)
    return {
      ...(circuitId && { circuitId }),
      ...(remoteId && { remoteId }),
      ...(sourcePort && { sourcePort }),
      other,
    }
  },
  encode({ circuitId, remoteId, sourcePort, other }) {
    const all: OptionMap = new Map()
    if (circuitId) all.set(CIRCUIT_ID, circuitId)
    if (remoteId) all.set(REMOTE_ID, remoteId)
    if (sourcePort) all.set(SOURCE_PORT, new Uint8Array(0))
    for (const [code, bytes] of other) all.set(code, bytes)
    return writeSuboptions(all, false)
  },
}
