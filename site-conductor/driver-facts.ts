// What the hub and `GET /v1/drivers` are told about a driver: nothing but what its own file says.
import type { z } from 'zod'
import { type DeploymentFacts, type DriverFacts, type OfferedStep, STEP_KINDS } from '../shared/protocol.ts'
import type { Driver } from './driver.ts'

export type Priorities = ReadonlyMap<string, number>

/** `priorities`: what this conductor's configuration has instead of the driver's own, by `clean.deploy.erase_devices_metadata`. */
export function driverFacts(driver: Driver, priorities: Priorities = new Map()): DriverFacts {
  const steps = offeredSteps(driver, priorities)
  const fields = Object.entries(driver.info.shape) as [string, z.ZodType][]
  const wiring = Object.entries(driver.interfaces.network ?? {}).flatMap(([name, { wires }]) => (wires ? [name] : []))
  return {
    name: driver.name,
    about: driver.about,
    interfaces: Object.fromEntries(
      Object.entries(driver.interfaces).map(([kind, named]) => [kind, Object.keys(named)]),
    ),
    properties: Object.fromEntries(fields.map(([name, schema]) => [name, schema.description ?? ''])),
    secrets: [...driver.secrets],
    deployments: deploymentsOf(driver),
    ...(wiring.length > 0 && { wires: wiring }),
    storages: storagesOf(driver),
    ...(Object.keys(steps).length > 0 && { steps }),
  }
}

function deploymentsOf({ interfaces }: Driver): NonNullable<DriverFacts['deployments']> {
  const found: NonNullable<DriverFacts['deployments']> = {}
  for (const [name, { deployment, steps }] of Object.entries(interfaces.deploy ?? {})) {
    if (deployment === undefined) continue
    const told = structuredClone(deployment) as DeploymentFacts
    found[name] = steps?.['wait_agent'] === undefined ? { ...told, agent: false } : told
  }
  return found
}

function storagesOf({ interfaces }: Driver): NonNullable<DriverFacts['storages']> {
  const found: NonNullable<DriverFacts['storages']> = {}
  for (const [name, { storage, steps }] of Object.entries(interfaces.storage ?? {}))
    if (storage !== undefined) found[name] = { ...storage, attaches: steps?.['attach_volumes'] !== undefined }
  return found
}

function offeredSteps(driver: Driver, priorities: Priorities): NonNullable<DriverFacts['steps']> {
  const found: NonNullable<DriverFacts['steps']> = {}
  for (const [kind, named] of Object.entries(driver.interfaces)) {
    for (const [of, { offers = {} }] of Object.entries(named)) {
      for (const [step, { abortable = false, ramdisk = true, timeoutMs, restart, args, ...offer }] of Object.entries(
        offers,
      )) {
        for (const purpose of STEP_KINDS) {
          const own = offer[purpose]
          if (own === undefined) continue
          const priority = priorities.get(`${purpose}.${kind}.${step}`) ?? own
          const offered: OfferedStep = { interface: kind, of, step, priority, abortable, requires_ramdisk: ramdisk }
          const more = {
            ...(timeoutMs !== undefined && { timeoutMs }),
            ...(restart !== undefined && { restart }),
            ...(args !== undefined && { argsinfo: { ...args } }),
          }
          ;(found[purpose] ??= []).push({ ...offered, ...more })
        }
      }
    }
  }
  return found
}
