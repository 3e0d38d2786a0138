// Enrolment against a small cloud on loopback: first and later conductors, refusals, lost answers, and the site key's way to a newcomer.
import { createServer, type Server } from 'node:http'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { systemEnv } from '../../shared/env.ts'
import { newToken } from '../../shared/ids.ts'
import { fingerprint, newSiteKey } from '../../shared/sealing.ts'
import { admit, receive, requestSiteKey } from './admit.ts'
import { EXIT, runCommandLine, type Terminal } from './cli.ts'
import { folder } from '../disk.ts'
import { enrol, EnrolError } from './enrol.ts'
import { readIdentity, readSite } from '../identity.ts'

let cloud: Server
let url: string
let dataDir: string
let requests: Record<string, string>[]
/** What the cloud answers; undefined: nothing, the connection breaks. */
let answer: (body: Record<string, string>) => { status: number; body: unknown } | undefined
/** The site key that the cloud knows. */
let siteKey: string | null
const token = newToken('fre', systemEnv)

beforeEach(async () => {
  requests = []
  siteKey = null
  answer = (body) => {
    siteKey ??= body['site_key']!
    const server_time = new Date().toISOString()
    return {
      status: 201,
      body: {
        conductor: `c${requests.length}`,
        site: 's',
        organisation: 'o',
        site_key: siteKey,
        fingerprint: 'x',
        server_time,
      },
    }
  }
  cloud = createServer((request, response) => {
    let text = ''
    request.on('data', (part) => (text += String(part)))
    request.on('end', () => {
      const body = JSON.parse(text) as Record<string, string>
      requests.push(body)
      const answered = answer(body)
      if (answered === undefined) return void request.socket.destroy()
      response.writeHead(answered.status, { 'content-type': 'application/json' }).end(JSON.stringify(answered.body))
    })
  })
  await new Promise<void>((resolve) => cloud.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(cloud.address() as AddressInfo).port}`
  dataDir = await mkdtemp(join(tmpdir(), 'ferrule-enrol-'))
})
afterEach(async () => {
  cloud.closeAllConnections()
  await new Promise((resolve) => cloud.close(resolve))
  await rm(dataDir, { recursive: true, force: true })
})

const files = async () => (await readdir(dataDir)).sort()

test('the first conductor makes the site key and the CA, and keeps everything to itself', async () => {
  const enrolled = await enrol({ url, token, dataDir })
  expect(enrolled).toMatchObject({
    conductor: 'c1',
    site: 's',
    organisation: 'o',
    hasSiteKey: true,
    already: false,
    warnings: [],
  })
  expect(await files()).toEqual(['identity.json', 'site.json'])
  for (const name of await files()) expect((await stat(join(dataDir, name))).mode & 0o777).toBe(0o600)
  const site = await readSite(await folder(dataDir))
  expect(site).toMatchObject({ publicKey: siteKey, privateKey: expect.any(String) as string })
  expect(site!.ca!.certificate).toBe(requests[0]!['site_ca'])
  expect(enrolled.fingerprint).toBe(await fingerprint(siteKey!))
  const sent = JSON.stringify(requests)
  for (const secret of [site!.privateKey!, site!.ca!.privateKey])
    expect(sent).not.toContain(secret.split('\n')[1] ?? secret)
  expect(await readFile(join(dataDir, 'identity.json'), 'utf8')).not.toContain(token)
})

test('enrolling again asks nobody and says who this is', async () => {
  await enrol({ url, token, dataDir })
  expect(await enrol({ url, token: 'not even a token', dataDir })).toMatchObject({
    conductor: 'c1',
    already: true,
    hasSiteKey: true,
  })
  expect(requests).toHaveLength(1)
})

test('a later conductor does not keep the key it proposed', async () => {
  siteKey = (await newSiteKey()).publicKey
  expect((await enrol({ url, token, dataDir })).hasSiteKey).toBe(false)
  expect(await readSite(await folder(dataDir))).toEqual({ publicKey: siteKey })
})

test.each([
  ['token.used', 401, 'This enrolment token was used before.'],
  ['token.expired', 401, 'This enrolment token has expired.'],
])('a refusal (%s) says why and what to do, and leaves nothing behind', async (code, status, detail) => {
  answer = () => ({ status, body: { code, detail, hint: 'make a new one' } })
  await expect(enrol({ url, token, dataDir })).rejects.toMatchObject({ message: detail, hint: 'make a new one' })
  expect(await files()).toEqual([])
})

test.each([
  ['no answer', () => undefined],
  ['an error of the cloud', () => ({ status: 503, body: {} })],
])('after %s the same keys ask again, because the token may be spent', async (_, broken) => {
  const usual = answer
  answer = broken
  await expect(enrol({ url, token, dataDir })).rejects.toBeInstanceOf(EnrolError)
  answer = usual
  await enrol({ url, token, dataDir })
  expect(requests[1]).toEqual(requests[0])
  expect(await files()).toEqual(['identity.json', 'site.json'])
})

test.each([
  ['plain http to another host', 'http://ferrule.example.com', token, 'plain text'],
  ['no URL', 'ferrule', token, 'URL'],
  [
    'a typing error in the token',
    'URL',
    `${token.slice(0, -1)}${token.endsWith('0') ? '1' : '0'}`,
    'not an enrolment token',
  ],
])('%s is noticed before anybody is asked', async (_, to, given, why) => {
  await expect(enrol({ url: to === 'URL' ? url : to, token: given, dataDir })).rejects.toThrow(why)
  expect(requests).toEqual([])
  expect(await files()).toEqual([])
})

test('a clock that is off is a warning at enrolment', async () => {
  const env = { ...systemEnv, now: () => Date.now() + 4 * 60_000 }
  expect((await enrol({ url, token, dataDir, env })).warnings[0]).toMatch(/2[34]\d s off/)
})

test('a member admits a newcomer: fingerprint compared, sealed, taken in', async () => {
  const [first, second] = [await folder(join(dataDir, 'a')), await folder(join(dataDir, 'b'))]
  await enrol({ url, token, dataDir: join(dataDir, 'a') })
  await enrol({ url, token, dataDir: join(dataDir, 'b') })
  const request = await requestSiteKey(second)
  await expect(admit(first, request.text, '0000 1111')).rejects.toThrow('does not match')
  await expect(admit(second, request.text, request.fingerprint)).rejects.toThrow('does not have the site key')
  const bundle = await admit(first, request.text, request.fingerprint)
  const { privateKey, ca } = (await readSite(first))!
  expect(bundle).not.toContain(privateKey)
  await expect(receive(first, bundle)).rejects.toThrow('another conductor')
  await receive(second, bundle)
  expect(await readSite(second)).toMatchObject({ publicKey: siteKey, privateKey, ca })
  expect((await readIdentity(second))!.conductor).toBe('c2')
})

// The command line

function terminal(more: Partial<Terminal> = {}) {
  const out: string[] = []
  const error: string[] = []
  const given: Terminal = {
    out: (text) => void out.push(text),
    error: (text) => void error.push(text),
    environment: {},
    stdin: async () => '',
    stopped: new Promise(() => {}),
    ...more,
  }
  return { given, out, error }
}
const run = (line: string, given: Terminal) => runCommandLine(line.split(' '), given)

test('enroll takes the token from standard input; status, doctor and check tell about it', async () => {
  const { given, out, error } = terminal({ stdin: async () => `${token}\n` })
  expect(await run(`enroll --url ${url} --token-file - --data ${dataDir}`, given)).toBe(EXIT.ok)
  expect(out.join('\n')).toContain('conductor     c1')
  expect(await run(`status --data-dir ${dataDir}`, given)).toBe(EXIT.ok)
  expect(out.join('\n')).toContain('not settled   nothing')
  expect(await run(`check --data-dir ${dataDir} --boot false`, given)).toBe(EXIT.ok)
  expect(out.at(-1)).toMatch(/^boot +false +flag$/m)
  expect(JSON.stringify([out, error])).not.toContain(token)
})

test('a refused enrolment is exit code 1 with the next action', async () => {
  answer = () => ({
    status: 401,
    body: { code: 'token.used', detail: 'This enrolment token was used before.', hint: 'make a new one' },
  })
  const { given, error } = terminal({ stdin: async () => token })
  expect(await run(`enroll --url ${url} --token-file - --data ${dataDir}`, given)).toBe(EXIT.failed)
  expect(error.join('\n')).toBe('This enrolment token was used before.\nNext: make a new one')
})

test('exit codes: 2 for usage and configuration, 3 where nobody enrolled, 0 for help', async () => {
  const { given, out, error } = terminal({ environment: { FERRULE_CONDUCTOR_POWER_POL_S: '3' } })
  expect(await run('fly', given)).toBe(EXIT.usage)
  expect(await run('enroll', given)).toBe(EXIT.usage)
  expect(await run('check', given)).toBe(EXIT.usage)
  expect(error.join('\n')).toContain('did you mean FERRULE_CONDUCTOR_POWER_POLL_S?')
  const plain = terminal()
  expect(await run(`run --data-dir ${dataDir}`, plain.given)).toBe(EXIT.notEnrolled)
  expect(await run(`status --data-dir ${dataDir}`, plain.given)).toBe(EXIT.notEnrolled)
  expect(await run('--help', given)).toBe(EXIT.ok)
  expect(out.join('\n')).toContain('enroll')
})

test('doctor names what is wrong and how to mend it', async () => {
  const { given, out } = terminal()
  expect(await run(`doctor --data-dir ${dataDir} --drivers fake-hardware,nope`, given)).toBe(EXIT.failed)
  expect(out.join('\n')).toMatch(/WRONG {2}enrolment.*enroll/)
  expect(out.join('\n')).toMatch(/WRONG {2}drivers.*nope cannot be loaded/)
})

test('doctor says what a conductor needs to write over iSCSI or by playbooks, and that it need not', async () => {
  const { given, out } = terminal()
  vi.stubEnv('PATH', dataDir)
  await run(`doctor --data-dir ${dataDir} --drivers fake-hardware`, given)
  vi.unstubAllEnvs()
  expect(out.join('\n')).toMatch(/^note {3}deploy interface iscsi: .*apt-get install qemu-utils qemu-block-extra/m)
  expect(out.join('\n')).toMatch(/^note {3}deploy interface ansible: .*apt-get install ansible-core openssh-client/m)
})

test('doctor looks for the loaders of boot interface pxe where they are configured', async () => {
  const { given, out } = terminal()
  await run(`doctor --data-dir ${dataDir} --drivers fake-hardware --loader-grub /nowhere/grubx64.efi`, given)
  expect(out.join('\n')).toMatch(/^WRONG {2}\/nowhere\/grubx64.efi: ENOENT/m)
})
