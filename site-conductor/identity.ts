// What enrolment leaves on this host, in the data folder (files 0600, folder 0700): who this conductor is, and the keys of its site.
import { z } from 'zod'
import type { Disk } from './disk.ts'
import type { SiteKey } from './site.ts'

const Identity = z.object({
  url: z.string(),
  conductor: z.string(),
  site: z.string(),
  organisation: z.string(),
  hostname: z.string(),
  enrolledAt: z.string(),
  /** Ed25519: raw public half, PKCS #8 private half, base64url. */
  publicKey: z.string(),
  privateKey: z.string(),
  /** X25519, raw, base64url: what a member of the site seals the site key to. */
  boxPublicKey: z.string(),
  boxPrivateKey: z.string(),
})
export type Identity = z.infer<typeof Identity>

const StoredSite = z.object({
  publicKey: z.string(),
  privateKey: z.string().optional(),
  /** The site's certificate authority, PEM: certificate and PKCS #8 key. */
  ca: z.object({ certificate: z.string(), privateKey: z.string() }).optional(),
})
export type StoredSite = z.infer<typeof StoredSite>

export const IDENTITY_FILE = 'identity.json'
export const SITE_FILE = 'site.json'

export const readIdentity = (disk: Disk): Promise<Identity | undefined> => readJson(disk, IDENTITY_FILE, Identity)
export const readSite = (disk: Disk): Promise<StoredSite | undefined> => readJson(disk, SITE_FILE, StoredSite)

export async function writeJson(disk: Disk, name: string, value: unknown): Promise<void> {
  await disk.replace(name, new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`))
}

export async function readJson<T>(disk: Disk, name: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const bytes = await disk.read(name)
  if (bytes === undefined) return undefined
  try {
    return schema.parse(JSON.parse(new TextDecoder().decode(bytes)))
  } catch (cause) {
    throw new Error(`${name} in the data folder is damaged: restore it, or enrol this host again`, { cause })
  }
}

export function siteKeyOf(stored: StoredSite | undefined): SiteKey | undefined {
  if (stored === undefined) return undefined
  const { publicKey, privateKey } = stored
  return privateKey === undefined ? { publicKey } : { publicKey, privateKey }
}
