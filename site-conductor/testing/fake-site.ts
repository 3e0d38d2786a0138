// An enrolled conductor for tests: a data folder with an identity whose public half the fake hub knows.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Env, systemEnv } from '../../shared/env.ts'
import { newSiteKey } from '../../shared/sealing.ts'
import { newIdentity } from '../../shared/upgrade.ts'
import { type RunningConductor, startConductor, type Services } from '../conductor.ts'
import { Config } from '../config.ts'
import { folder } from '../disk.ts'
import { FakeHub } from './fake-hub.ts'
import { IDENTITY_FILE, SITE_FILE, writeJson } from '../identity.ts'
import { silent } from '../log.ts'

export interface FakeSite {
  readonly hub: FakeHub
  readonly dataDir: string
  readonly siteKey: { publicKey: string; privateKey: string }
  readonly config: Config
  /** `inFolder`: by default the one that was enrolled. */
  start(services?: Services, inFolder?: string): Promise<RunningConductor>
  close(): Promise<void>
}

/** Time that passes many times as fast, so that tests of timers are short. */
const FAST = 20
const fastEnv: Env = {
  ...systemEnv,
  now: () => Date.now() * FAST,
  mono: () => performance.now() * FAST,
  setTimer: (delayMs, run) => systemEnv.setTimer(delayMs / FAST, run),
}

export async function fakeSite(config: Partial<Config> = {}): Promise<FakeSite> {
  const hub = await FakeHub.start()
  const dataDir = await mkdtemp(join(tmpdir(), 'ferrule-conductor-'))
  const disk = await folder(dataDir)
  const [identity, box, siteKey] = [await newIdentity(), await newSiteKey(), await newSiteKey()]
  hub.publicKey = identity.publicKey
  await writeJson(disk, IDENTITY_FILE, {
    url: hub.url,
    conductor: 'c',
    site: 's',
    organisation: 'o',
    hostname: 'test',
    enrolledAt: '2026-01-01T00:00:00.000Z',
    ...identity,
    boxPublicKey: box.publicKey,
    boxPrivateKey: box.privateKey,
  })
  await writeJson(disk, SITE_FILE, siteKey)
  const full = Config.parse({ dataDir, boot: false, drivers: ['fake-hardware'], ...config })
  const running: RunningConductor[] = []
  return {
    hub,
    dataDir,
    siteKey,
    config: full,
    async start(services = {}, inFolder = dataDir) {
      const own = { ...full, dataDir: inFolder }
      const conductor = await startConductor({ config: own, env: fastEnv, log: silent, services })
      running.push(conductor)
      return conductor
    },
    async close() {
      await Promise.all(running.map((conductor) => conductor.close()))
      await hub.close()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}
