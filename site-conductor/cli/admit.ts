// How another conductor of the site gets the site key and CA: sealed by a member to the newcomer's own key, after a person has compared
// fingerprints. The cloud has no part in it, so it cannot cause it.
import { z } from 'zod'
import { fingerprint, open, seal, type SealedFor } from '../../shared/sealing.ts'
import type { Disk } from '../disk.ts'
import { readIdentity, readSite, SITE_FILE, type StoredSite, writeJson } from '../identity.ts'

const Request = z.object({
  ferrule: z.literal('site-key request'),
  organisation: z.string(),
  site: z.string(),
  conductor: z.string(),
  key: z.string(),
})
const Bundle = z.object({ ferrule: z.literal('site-key bundle'), conductor: z.string(), sealed: z.string() })
const Secrets = z.object({
  publicKey: z.string(),
  privateKey: z.string(),
  ca: z.object({ certificate: z.string(), privateKey: z.string() }),
})

const sealedFor = (organisation: string, site: string, conductor: string): SealedFor => {
  return { organisation, site, node: conductor, field: 'site_key' }
}

/** On the newcomer: public text to carry to a member, and the fingerprint that a person compares there. */
export async function requestSiteKey(disk: Disk): Promise<{ text: string; fingerprint: string }> {
  const identity = await enrolled(disk)
  const { organisation, site, conductor, boxPublicKey: key } = identity
  return {
    text: JSON.stringify({ ferrule: 'site-key request', organisation, site, conductor, key }),
    fingerprint: await fingerprint(key),
  }
}

/** On a member: the bundle for the newcomer. Throws unless `confirmed` is the fingerprint of the requesting key. */
export async function admit(disk: Disk, request: string, confirmed: string): Promise<string> {
  const identity = await enrolled(disk)
  const stored = await readSite(disk)
  if (stored?.privateKey === undefined)
    throw new Error('this conductor does not have the site key itself: run this on one that has')
  const asked = Request.parse(JSON.parse(request))
  if (asked.site !== identity.site || asked.organisation !== identity.organisation)
    throw new Error('the request comes from another site')
  const actual = await fingerprint(asked.key)
  if (normal(actual) !== normal(confirmed)) {
    throw new Error(
      `the fingerprint does not match: the request has ${actual}. Compare it with what the new host prints`,
    )
  }
  const to = sealedFor(asked.organisation, asked.site, asked.conductor)
  const bundle = {
    ferrule: 'site-key bundle',
    conductor: asked.conductor,
    sealed: await seal(asked.key, to, JSON.stringify(stored)),
  }
  return JSON.stringify(bundle)
}

/** On the newcomer: takes the bundle in. The key must be the one that the cloud named at enrolment. */
export async function receive(disk: Disk, bundle: string): Promise<void> {
  const identity = await enrolled(disk)
  const known = await readSite(disk)
  const parsed = Bundle.parse(JSON.parse(bundle))
  if (parsed.conductor !== identity.conductor) throw new Error('this bundle was made for another conductor')
  const to = sealedFor(identity.organisation, identity.site, identity.conductor)
  const secrets: StoredSite = Secrets.parse(JSON.parse(await open(identity.boxPrivateKey, to, parsed.sealed)))
  if (known !== undefined && known.publicKey !== secrets.publicKey) {
    throw new Error(
      'the bundle holds another site key than the cloud named at enrolment: find out why before you go on',
    )
  }
  await writeJson(disk, SITE_FILE, secrets)
}

async function enrolled(disk: Disk) {
  const identity = await readIdentity(disk)
  if (identity === undefined) throw new Error('this host is not enrolled: run "ferrule-conductor enroll" first')
  return identity
}

function normal(text: string): string {
  return text.replaceAll(/[^0-9a-f]/gi, '').toLowerCase()
}
