// What a conductor has been granted, as digests: hello carries them, so that a reconnect costs one frame each way where nothing changed, and a spec
// each where one did. Hub and conductor must agree to the byte: a line per grant, sorted, SHA-256 in lower-case hex.
import { crc32, hex } from './ids.ts'

export interface GrantIdentity {
  readonly node: string
  readonly epoch: number
  readonly specVersion: number
}

/** Of hello: which nodes are held under which epoch, and, apart from that, which spec each has. */
export interface HeldDigests {
  /** Over "node epoch\n". Is it right, everything that is held goes on. */
  readonly epochs: string
  /** Nodes by share (their CRC-32 modulo SHARES), the first 16 digits of each share over "node specVersion\n". Of one that differs all specs are sent. */
  readonly specs: Readonly<Record<string, string>>
}

const SHARES = 64

/** Everything in one: all that a hub understands which knows no HeldDigests. One line "node epoch specVersion\n" per grant. */
export async function grantsDigest(grants: Iterable<GrantIdentity>): Promise<string> {
  return await digestOf([...grants].map((grant) => `${grant.node} ${grant.epoch} ${grant.specVersion}\n`))
}

export async function heldDigests(grants: Iterable<GrantIdentity>): Promise<HeldDigests> {
  const all = [...grants]
  const shares = Map.groupBy(all, shareOf)
  const specs: Record<string, string> = {}
  for (const [share, some] of shares)
    specs[share] = (await digestOf(some.map(({ node, specVersion }) => `${node} ${specVersion}\n`))).slice(0, 16)
  return { epochs: await digestOf(all.map(({ node, epoch }) => `${node} ${epoch}\n`)), specs }
}

/** Of `grants` the nodes whose specs whoever said `theirs` may not have as they are in `grants`. */
export async function staleSpecs(grants: readonly GrantIdentity[], theirs: HeldDigests): Promise<string[]> {
  const { specs } = await heldDigests(grants)
  return grants.filter((grant) => specs[shareOf(grant)] !== theirs.specs[shareOf(grant)]).map(({ node }) => node)
}

function shareOf({ node }: GrantIdentity): string {
  return String(crc32(new TextEncoder().encode(node)) % SHARES)
}

async function digestOf(lines: string[]): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(lines.sort().join('')))))
}
