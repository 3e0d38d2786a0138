// Enrolment: makes this host's keys, spends the token, and keeps who we are. 1. The token is never in argv, a log or a file.
// 2. Keys are on disk before the token is spent: when the answer is lost, the same keys ask again. 3. Idempotent: an enrolled host says
// who it is. 4. What a failed run leaves behind is what it found, except keys whose enrolment may have succeeded.
import { hostname } from 'node:os'
import { z } from 'zod'
import { type Env, systemEnv } from '../../shared/env.ts'
import { Fault } from '../../shared/faults.ts'
import { isToken } from '../../shared/ids.ts'
import { fingerprint, newSiteKey } from '../../shared/sealing.ts'
import { ENROL_PATH, MAX_CLOCK_SKEW_MS, newIdentity } from '../../shared/upgrade.ts'
import { type Disk, folder } from '../disk.ts'
import {
  type Identity,
  IDENTITY_FILE,
  readIdentity,
  readJson,
  readSite,
  SITE_FILE,
  type StoredSite,
  writeJson,
} from '../identity.ts'
import { newSiteCa } from '../site/site-ca.ts'
import { VERSION } from '../version.ts'

const PENDING_FILE = 'enrolling.json'
const TIMEOUT_MS = 30_000

const KeyPair = z.object({ publicKey: z.string(), privateKey: z.string() })
const Pending = z.object({
  url: z.string(),
  identity: KeyPair,
  box: KeyPair,
  siteKey: KeyPair,
  ca: z.object({ certificate: z.string(), privateKey: z.string() }),
})
type Pending = z.infer<typeof Pending>

const Answer = z.object({
  conductor: z.string(),
  site: z.string(),
  organisation: z.string(),
  site_key: z.string().nullable(),
  fingerprint: z.string().nullish(),
  server_time: z.union([z.number(), z.string()]).optional(),
})

export interface EnrolOptions {
  readonly url: string
  readonly token: string
  readonly dataDir: string
  readonly disk?: Disk
  readonly env?: Env
  readonly fetch?: typeof globalThis.fetch
  readonly hostname?: string
}

export interface Enrolled {
  readonly conductor: string
  readonly site: string
  readonly organisation: string
  /** Of the site key: what a person compares. Null when the site has none yet. */
  readonly fingerprint: string | null
  /** False: another conductor made the site key, and this one needs it from there (admit). */
  readonly hasSiteKey: boolean
  /** This host was enrolled already; nothing was changed and the token was not used. */
  readonly already: boolean
  readonly warnings: readonly string[]
}

/** A refusal or failure of enrolment; `hint` is the next action. */
export class EnrolError extends Error {
  override name = 'EnrolError'
  readonly hint: string
  constructor(message: string, hint: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.hint = hint
  }
}

export async function enrol(options: EnrolOptions): Promise<Enrolled> {
  const url = options.url.replace(/\/+$/, '')
  const disk = options.disk ?? (await folder(options.dataDir))
  const known = await readIdentity(disk)
  if (known !== undefined) return await describe(disk, known, url)
  preflight(url, options.token)

  const earlier = await readJson(disk, PENDING_FILE, Pending)
  const pending = earlier?.url === url ? earlier : await newKeys(url)
  await writeJson(disk, PENDING_FILE, pending)
  const answer = await ask(options, url, pending).catch(async (error: unknown) => {
    // A clear refusal spent no token on these keys. Without an answer they may be enrolled: keep them for the next try.
    if (error instanceof EnrolError && error.cause === undefined) await disk.remove(PENDING_FILE)
    throw error
  })
  const isFirst = answer.site_key === pending.siteKey.publicKey
  if (answer.site_key !== null) {
    const site: StoredSite = isFirst ? { ...pending.siteKey, ca: pending.ca } : { publicKey: answer.site_key }
    await writeJson(disk, SITE_FILE, site)
  }
  const identity: Identity = {
    url,
    conductor: answer.conductor,
    site: answer.site,
    organisation: answer.organisation,
    hostname: options.hostname ?? hostname(),
    enrolledAt: new Date((options.env ?? systemEnv).now()).toISOString(),
    ...pending.identity,
    boxPublicKey: pending.box.publicKey,
    boxPrivateKey: pending.box.privateKey,
  }
  await writeJson(disk, IDENTITY_FILE, identity)
  await disk.remove(PENDING_FILE)
  return {
    ...(await describe(disk, identity, url)),
    already: false,
    warnings: clockWarning(options, answer.server_time),
  }
}

function preflight(url: string, token: string): void {
  const parsed = URL.parse(url)
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw new EnrolError(
      `${url} is not an http or https URL`,
      'give the URL of the cloud, such as --url https://ferrule.example.com',
    )
  }
  const isLoopback = ['localhost', '127.0.0.1', '[::1]'].includes(parsed.hostname)
  if (parsed.protocol === 'http:' && !isLoopback) {
    throw new EnrolError('the token would travel in plain text', 'use https, or loopback for development')
  }
  if (!isToken(token, 'fre')) {
    throw new EnrolError(
      'this is not an enrolment token, or a letter of it is wrong',
      'it begins with fre_; copy it again from where it was made',
    )
  }
}

async function newKeys(url: string): Promise<Pending> {
  const [identity, box, siteKey, ca] = await Promise.all([
    newIdentity(),
    newSiteKey(),
    newSiteKey(),
    newSiteCa(new Date()),
  ])
  return { url, identity, box, siteKey, ca }
}

async function ask(options: EnrolOptions, url: string, pending: Pending): Promise<z.infer<typeof Answer>> {
  const body = {
    token: options.token,
    hostname: options.hostname ?? hostname(),
    version: VERSION,
    identity_key: pending.identity.publicKey,
    box_key: pending.box.publicKey,
    site_key: pending.siteKey.publicKey,
    site_ca: pending.ca.certificate,
  }
  let response: Response
  let value: unknown
  try {
    response = await (options.fetch ?? fetch)(`${url}${ENROL_PATH}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(body),
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    value = await response.json().catch(() => undefined)
  } catch (error) {
    const { cause } = error as { cause?: { code?: string; message?: string } }
    const why = cause?.code ?? cause?.message ?? (error as Error).message
    throw new EnrolError(
      `${url} did not answer: ${why}`,
      'check the URL, DNS, the proxy and the firewall (443 out); then run this again',
      error,
    )
  }
  if (response.status >= 500) {
    throw new EnrolError(
      `${url} answered ${response.status}`,
      'run this again in a minute; the keys made now are kept',
      new Error(`${response.status}`),
    )
  }
  if (response.status !== 200 && response.status !== 201) throw refusal(response.status, value)
  const parsed = Answer.safeParse(value)
  if (!parsed.success)
    throw new EnrolError(`${url} did not answer as a Ferrule cloud`, 'is it the right URL?', parsed.error)
  return parsed.data
}

function refusal(status: number, value: unknown): EnrolError {
  const fault = z.looseObject({ code: Fault.shape.code, detail: z.string(), hint: z.string() }).safeParse(value)
  if (fault.success) return new EnrolError(fault.data.detail, fault.data.hint)
  if (status === 404)
    return new EnrolError('there is no enrolment at this URL (404)', 'give the URL of the cloud without a path')
  return new EnrolError(
    `the cloud refused the enrolment (${status})`,
    'make a new enrolment token: POST /v1/sites/{id}/enrol-tokens',
  )
}

async function describe(disk: Disk, identity: Identity, url: string): Promise<Enrolled> {
  const site = await readSite(disk)
  const { conductor, site: siteId, organisation } = identity
  return {
    conductor,
    site: siteId,
    organisation,
    fingerprint: site === undefined ? null : await fingerprint(site.publicKey),
    hasSiteKey: site?.privateKey !== undefined,
    already: true,
    warnings:
      identity.url === url ? [] : [`this host is enrolled at ${identity.url}, not at ${url}; nothing was changed`],
  }
}

function clockWarning({ env = systemEnv }: EnrolOptions, serverTime: number | string | undefined): string[] {
  const server = typeof serverTime === 'string' ? Date.parse(serverTime) : serverTime
  if (server === undefined || Number.isNaN(server)) return []
  const offMs = Math.abs(env.now() - server)
  if (offMs < MAX_CLOCK_SKEW_MS / 2) return []
  return [
    `the clock of this host is ${Math.round(offMs / 1000)} s off; the cloud refuses connections from ${MAX_CLOCK_SKEW_MS / 1000} s on: set up NTP`,
  ]
}
