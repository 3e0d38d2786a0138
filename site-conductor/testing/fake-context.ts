// What a driver's step or method gets, for tests of drivers without a runner. Counts calls of `before`, collects notes and kept context.
import { systemEnv } from '../../shared/env.ts'
import { FaultError } from '../../shared/faults.ts'
import type { Grant } from '../../shared/protocol.ts'
import { newSiteKey } from '../../shared/sealing.ts'
import { Agents } from '../agents/agents.ts'
import { type Driver, implementationOf, type StepContext } from '../driver.ts'
import { openDriverInfo } from '../driver-info.ts'
import { silent } from '../log.ts'
import type { OpenStack } from '../openstack/client.ts'
import { resources, sealing, type Site, type SiteBoot } from '../site.ts'

export interface FakeContext extends StepContext {
  /** How often the last-moment check was asked. */
  checks: number
  /** How often the step's limit began anew. */
  limits: number
  /** When true the check refuses. */
  refused: boolean
  readonly notes: { stage: string; body: Record<string, unknown> }[]
  /** task.context with everything that was kept. */
  readonly kept: Record<string, unknown>
  close(): Promise<void>
}

export interface FakeContextOptions {
  readonly node: Grant
  readonly args?: Record<string, unknown>
  readonly context?: Record<string, unknown>
  readonly boot?: SiteBoot
  readonly openstack?: OpenStack
  readonly signal?: AbortSignal
  /** Of the task. */
  readonly kind?: string
  /** What the cloud keeps, by key. */
  readonly blobs?: Readonly<Record<string, string>>
}

export async function fakeContext(driver: Driver, options: FakeContextOptions): Promise<FakeContext> {
  const { node, args = {}, signal = new AbortController().signal } = options
  const kept: Record<string, unknown> = { ...options.context }
  const held = resources()
  const site: Site = {
    id: 's',
    organisation: 'o',
    ...sealing('o', 's', await newSiteKey()),
    blob: async (key) => {
      const text = options.blobs?.[key]
      if (text === undefined) throw new FaultError('unavailable', `no blob ${key}`)
      return text
    },
    agents: new Agents(),
    boot: options.boot,
    openstack: options.openstack,
    resource: held.resource,
  }
  const context: FakeContext = {
    node,
    driverInfo: await openDriverInfo(driver, node, site),
    checks: 0,
    limits: 0,
    limitFromNow: () => void context.limits++,
    refused: false,
    before() {
      context.checks++
      if (context.refused) throw new FaultError('fenced', 'the test took the node away')
    },
    signal,
    notes: [],
    note: (stage, body = {}) => void context.notes.push({ stage, body }),
    env: systemEnv,
    log: silent,
    site,
    other: (kind) => implementationOf(driver, node, kind),
    task: { id: 't', kind: options.kind ?? 'test', at: 0, epoch: 1, context: kept },
    args,
    kept,
    async keep(patch) {
      Object.assign(kept, patch)
      for (const [key, value] of Object.entries(kept)) if (value === null) delete kept[key]
    },
    close: () => held.close(),
  }
  return context
}
