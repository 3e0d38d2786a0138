// Cipher suites we speak (IPMI 2.0 §22.15.2 Table 22-20; suite 17 from the 2.0 errata). Suite 0, "no security", is not among
// them on purpose: it lets anybody in. Numbers are those of Tables 13-17, 13-18 and 13-19.

export type SuiteId = 3 | 17

export interface CipherSuite {
  readonly id: SuiteId
  /** RAKP-HMAC-SHA1 = 1, RAKP-HMAC-SHA256 = 3. */
  readonly authentication: number
  /** HMAC-SHA1-96 = 1, HMAC-SHA256-128 = 4. */
  readonly integrity: number
  /** AES-CBC-128 = 1. */
  readonly confidentiality: number
  readonly hash: 'sha1' | 'sha256'
  /** Bytes of a whole HMAC, as in RAKP 2 and 3. */
  readonly hashBytes: number
  /** Bytes kept of it in RAKP 4 and in each packet's trailer. */
  readonly checkBytes: number
}

export const suites: { readonly [id in SuiteId]: CipherSuite } = {
  3: { id: 3, authentication: 1, integrity: 1, confidentiality: 1, hash: 'sha1', hashBytes: 20, checkBytes: 12 },
  17: { id: 17, authentication: 3, integrity: 4, confidentiality: 1, hash: 'sha256', hashBytes: 32, checkBytes: 16 },
}

/** The suite with exactly these three algorithms, if it is one of ours. */
export function suiteOf(algorithms: {
  authentication: number
  integrity: number
  confidentiality: number
}): CipherSuite | undefined {
  return Object.values(suites).find(
    (suite) =>
      suite.authentication === algorithms.authentication &&
      suite.integrity === algorithms.integrity &&
      suite.confidentiality === algorithms.confidentiality,
  )
}
