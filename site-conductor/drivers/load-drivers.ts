// Finds drivers by name (built in), by path, or by package: what the configuration's `drivers` lists.
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Driver } from '../driver.ts'

const BUILT_IN: Readonly<Record<string, () => Promise<{ default: Driver }>>> = {
  'fake-hardware': () => import('./fake-hardware.ts'),
  ipmi: () => import('./ipmi.ts'),
  'manual-management': () => import('./manual-management.ts'),
  redfish: () => import('./redfish.ts'),
}

export const builtInDrivers = Object.keys(BUILT_IN)

/** The drivers by their own names; throws for one that cannot be loaded or whose name is taken. */
export async function loadDrivers(wanted: readonly string[]): Promise<Map<string, Driver>> {
  const drivers = new Map<string, Driver>()
  for (const reference of wanted) {
    const driver = await load(reference)
    if (drivers.has(driver.name))
      throw new Error(`two drivers are called ${driver.name}: remove ${reference} or the other`)
    drivers.set(driver.name, driver)
  }
  return drivers
}

async function load(reference: string): Promise<Driver> {
  const builtIn = BUILT_IN[reference]
  if (builtIn !== undefined) return (await builtIn()).default
  const isPath = /^[./]/.test(reference)
  let module: { default?: Partial<Driver> }
  try {
    module = (await import(isPath ? pathToFileURL(resolve(reference)).href : reference)) as typeof module
  } catch (cause) {
    const known = builtInDrivers.join(', ')
    throw new Error(`driver ${reference} cannot be loaded (built in are ${known}; others by package or path)`, {
      cause,
    })
  }
  const driver = module.default
  if (driver?.name === undefined || driver.info === undefined || driver.interfaces?.power === undefined) {
    throw new Error(`${reference} does not export a driver by default: export default defineDriver({…})`)
  }
  return driver as Driver
}
