// What a conductor has been granted, as one digest: hello carries it, so that an unchanged reconnect costs one frame each way.
// Hub and conductor must agree to the byte: one line "node epoch specVersion\n" per grant, sorted by node, SHA-256 in lower-case hex.
import { hex } from './ids.ts'

export interface GrantIdentity {
  readonly node: string
  readonly epoch: number
  readonly specVersion: number
}

export async function grantsDigest(grants: Iterable<GrantIdentity>): Promise<string> {
  const lines = [...grants].map((grant) => `${grant.node} ${grant.epoch} ${grant.specVersion}\n`).sort()
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(lines.join('')))))
}
