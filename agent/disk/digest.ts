// Which digest an image must have. SHA-256 and SHA-512 only; the wire's two ways to say it become one.
import type { ImageInfo } from '../../shared/agent-protocol.ts'
import { AgentFault } from '../fault.ts'

export type DigestAlgorithm = 'sha256' | 'sha512'
export interface ExpectedDigest {
  algorithm: DigestAlgorithm
  /** Lower-case hexadecimal. */
  hex: string
}

const hexLength: Record<DigestAlgorithm, number> = { sha256: 64, sha512: 128 }

/** os_hash_algo + os_hash_value win over checksum, whose algorithm follows from its length. */
export function expectedDigest(image: ImageInfo): ExpectedDigest {
  const hex = (image.os_hash_value || image.checksum || '').trim().toLowerCase()
  const named = image.os_hash_value ? image.os_hash_algo?.toLowerCase() : undefined
  const algorithm =
    named ?? (hex.length === hexLength.sha512 ? 'sha512' : hex.length === hexLength.sha256 ? 'sha256' : undefined)
  if (algorithm !== 'sha256' && algorithm !== 'sha512') {
    const what = named ? `algorithm ${named}` : `a checksum of ${hex.length} characters`
    throw new AgentFault(
      'InvalidCommandParamsError',
      `${what} does not protect an image; give SHA-256 or SHA-512 in hexadecimal`,
    )
  }
  if (!/^[0-9a-f]+$/.test(hex) || hex.length !== hexLength[algorithm]) {
    throw new AgentFault('InvalidCommandParamsError', `not a ${algorithm} digest in hexadecimal: ${hex.slice(0, 140)}`)
  }
  return { algorithm, hex }
}
