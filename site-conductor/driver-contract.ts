// The contract that every driver keeps, as tests: `describeDriver(driver, {...})` in a file of your own, with your test runner's
// functions handed in. Ours run it on the built-in drivers.
import { FaultError } from '../shared/faults.ts'
import { DriverFacts, type Grant, STEP_KINDS } from '../shared/protocol.ts'
import { type Driver, INTERFACES, implementationsOf, REQUIRED_INTERFACES } from './driver.ts'
import { driverFacts } from './driver-facts.ts'
import { openDriverInfo } from './driver-info.ts'
import { fakeContext } from './testing/fake-context.ts'
import { fakeGrant } from './testing/fake-hub.ts'

export interface DriverContract {
  /** A driver_info with which `hardware` can be reached. */
  readonly driverInfo: () => Record<string, unknown>
  /** What the machine looks like from the side: power changes so far, as the hardware counts them. */
  readonly powerChanges: (node: string) => readonly string[]
  /** A driver_info that the schema must refuse, if there is one. */
  readonly wrongInfo?: Record<string, unknown>
  readonly test: (name: string, run: () => Promise<void>) => void
}

/** Names of interfaces and steps on the wire. */
const WIRE_NAME = /^[a-z][a-z0-9_-]{0,39}$/

export function describeDriver(driver: Driver, contract: DriverContract): void {
  const { test } = contract
  let count = 0
  const grant = (more: Partial<Grant> = {}): Grant => {
    const node = `contract-${driver.name}-${process.pid}-${++count}`
    return fakeGrant(node, { driver: driver.name, driverInfo: contract.driverInfo(), ...more })
  }
  const power = Object.values(driver.interfaces.power)[0]
  const step = (name: string) => power?.steps?.[name] ?? unreachable(`power.${name} is missing`)

  test(`${driver.name}: its facts can be told to a hub`, async () => {
    const facts = DriverFacts.parse(driverFacts(driver))
    for (const [field, about] of Object.entries(facts.properties))
      check(about !== '', `driver_info field ${field} has no description`)
    for (const secret of driver.secrets)
      check(secret in facts.properties, `secret ${secret} is not a field of driver_info`)
  })

  test(`${driver.name}: has the required interfaces, and names the hub can use`, async () => {
    for (const kind of REQUIRED_INTERFACES)
      check(Object.keys(driver.interfaces[kind]).length > 0, `no ${kind} interface`)
    for (const kind of Object.keys(driver.interfaces))
      check((INTERFACES as readonly string[]).includes(kind), `unknown interface ${kind}`)
    for (const implementation of implementationsOf(driver)) {
      for (const name of [...Object.keys(implementation.steps ?? {}), ...Object.keys(implementation.methods ?? {})]) {
        check(WIRE_NAME.test(name), `"${name}" is not a name for a step or method`)
      }
    }
    for (const name of ['verify', 'power_on', 'power_off', 'reset']) step(name)
    check(power?.methods?.['get_power_state'] !== undefined, 'power.get_power_state is missing')
  })

  test(`${driver.name}: refuses driver_info that it cannot work with, without repeating secrets`, async () => {
    if (contract.wrongInfo === undefined) return
    const node = grant({ driverInfo: contract.wrongInfo })
    const context = await fakeContext(driver, { node: grant() })
    const error = await openDriverInfo(driver, node, context.site).catch((thrown: unknown) => thrown)
    check(error instanceof FaultError && error.fault.code === 'driver.invalid_info', 'no driver.invalid_info')
    const text = JSON.stringify((error as FaultError).fault)
    for (const secret of driver.secrets) {
      const value = contract.wrongInfo[secret]
      if (typeof value === 'string' && value !== '') check(!text.includes(value), `the fault repeats ${secret}`)
    }
  })

  test(`${driver.name}: power on, off and on again are seen, and doing one twice changes nothing`, async () => {
    const node = grant()
    const context = await fakeContext(driver, { node })
    try {
      const read = () => power!.methods!['get_power_state']!(context, {})
      await step('power_off')(context)
      const before = contract.powerChanges(node.node).length
      for (const [name, state] of [
        ['power_on', 'power on'],
        ['power_on', 'power on'],
        ['power_off', 'power off'],
        ['power_off', 'power off'],
      ] as const) {
        const result = await step(name)(context)
        check(result?.facts?.['power_state'] === state, `${name} does not report ${state}`)
        check((await read()) === state, `after ${name} the power state is not ${state}`)
      }
      const changes = contract.powerChanges(node.node).slice(before)
      check(
        changes.length === 2,
        `two changes of power were wanted, the machine saw ${changes.length}: ${changes.join(', ')}`,
      )
    } finally {
      await context.close()
    }
  })

  test(`${driver.name}: a reset is sent once, and not again when nobody knows whether it was`, async () => {
    const node = grant()
    const context = await fakeContext(driver, { node })
    try {
      await step('power_on')(context)
      const before = contract.powerChanges(node.node).length
      const count = () => contract.powerChanges(node.node).length - before
      const result = await step('reset')(context)
      check(result?.facts?.['power_state'] === 'power on', 'a reset does not leave the machine on')
      check(count() <= 1, `one reset was wanted, the machine saw ${count()}`)
      if (count() === 0) return // by hand
      check(result.context?.['reset_begun'] === null, 'the end of a reset leaves it on record as begun')
      const again = await step('reset')(context).then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      check(again instanceof FaultError && again.fault.code === 'power.timeout', 'a reset of unknown fate is no fault')
      await context.keep({ boot_token: 'b'.repeat(22) })
      await step('reset')(context)
      check(count() === 1, `the reset was sent again, ${count()} times in all`)
      await context.keep({ reset_begun: null, boot_token: null })
      await step('power_off')(context)
      await step('reset')(context)
      check(
        (await power!.methods!['get_power_state']!(context, {})) === 'power on',
        'a machine that was off is not on after a reset',
      )
      const after = count()
      await step('reset')(context).catch(() => undefined)
      check(count() === after, 'a machine that this step may have switched on already was reset')
    } finally {
      await context.close()
    }
  })

  test(`${driver.name}: the last-moment check stops a change of power`, async () => {
    const node = grant()
    const context = await fakeContext(driver, { node })
    try {
      await step('power_off')(context)
      const before = contract.powerChanges(node.node).length
      context.refused = true
      const error = await step('power_on')(context).then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      check(error instanceof FaultError && error.fault.code === 'fenced', "power_on did not end with the check's fault")
      check(contract.powerChanges(node.node).length === before, 'the machine was switched although the check refused')
    } finally {
      await context.close()
    }
  })

  test(`${driver.name}: what it offers it has, with words for the arguments`, async () => {
    for (const { steps = {}, offers = {} } of implementationsOf(driver)) {
      for (const [name, { args = {}, ...offer }] of Object.entries(offers)) {
        check(steps[name] !== undefined, `${name} is offered, but there is no such step`)
        check(
          STEP_KINDS.some((kind) => offer[kind] !== undefined),
          `${name} is offered for nothing: clean, deploy, verify or service`,
        )
        for (const [arg, { description }] of Object.entries(args))
          check(description !== '', `argument ${arg} of ${name} has no description`)
      }
    }
  })

  test(`${driver.name}: an interface that it refuses says so`, async () => {
    for (const [kind, named] of Object.entries(driver.interfaces)) {
      const refusing = named[`no-${kind}`]
      if (refusing === undefined) continue
      const context = await fakeContext(driver, { node: grant() })
      const error = await Promise.resolve()
        .then(() => refusing.validate?.(context))
        .catch((thrown: unknown) => thrown)
      await context.close()
      check(error instanceof FaultError && error.fault.code === 'driver.unsupported', `no-${kind} passes validation`)
      check(refusing.steps === undefined && refusing.methods === undefined, `no-${kind} can do something`)
    }
  })

  test(`${driver.name}: a vendor's method is a step where it is asynchronous and needs the node to be free, else a method`, async () => {
    for (const implementation of Object.values(driver.interfaces.vendor ?? {})) {
      for (const [name, { async, shared, http, description }] of Object.entries(implementation.vendor ?? {})) {
        const is = async && !shared ? implementation.steps?.[name] : implementation.methods?.[name]
        check(is !== undefined, `vendor method ${name} is not there`)
        check(http.length > 0 && description !== '', `vendor method ${name} is not described`)
      }
    }
  })

  test(`${driver.name}: the last-moment check stops what changes the machine without an agent`, async () => {
    const node = grant()
    const context = await fakeContext(driver, { node, args: { enabled: true, state: 'on' } })
    context.refused = true
    const refuses = async (name: string, run: () => unknown) => {
      const error = await Promise.resolve()
        .then(run)
        .then(
          () => undefined,
          (thrown: unknown) => thrown,
        )
      check(error instanceof FaultError, `${name} acted although the check refused`)
    }
    try {
      for (const [kind, named] of Object.entries(driver.interfaces)) {
        for (const { steps = {}, methods = {}, offers = {} } of Object.values(named)) {
          for (const [name, { ramdisk = true }] of Object.entries(offers))
            if (!ramdisk) await refuses(`${kind}.${name}`, () => steps[name]?.(context))
          for (const [name, run] of Object.entries(methods))
            if (/^(set|inject|attach|detach)_/.test(name))
              await refuses(`${kind}.${name}`, () => run(context, { boot_device: 'disk', persistent: true }))
        }
      }
      check(contract.powerChanges(node.node).length === 0, 'the power was changed although the check refused')
    } finally {
      await context.close()
    }
  })

  test(`${driver.name}: an aborted signal ends a step`, async () => {
    const controller = new AbortController()
    controller.abort(new FaultError('timeout', 'the test is over'))
    const context = await fakeContext(driver, { node: grant(), signal: controller.signal })
    try {
      const error = await step('verify')(context).then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      check(error instanceof FaultError && error.fault.code === 'timeout', `verify ended with ${String(error)}`)
    } finally {
      await context.close()
    }
  })
}

function check(condition: boolean, complaint: string): asserts condition {
  if (!condition) throw new Error(complaint)
}

function unreachable(complaint: string): never {
  throw new Error(complaint)
}
