// Lights of the system and its chassis, with Ironic's names: `UUID@system`, `UUID@chassis`.
import { FaultError } from '../../../shared/faults.ts'
import type { Resource, Reading } from '../../redfish/requests.ts'
import { getChassis, type Light, lightOf, type Lit, setLight } from '../../redfish/inventory.ts'
import type { Session } from '../../redfish/session.ts'
import { mutate, read, type RedfishContext, systemOf } from './bmc.ts'

type Args = Readonly<Record<string, unknown>>

const STATES: Readonly<Record<string, Light>> = { on: 'Lit', off: 'Off', blinking: 'Blinking' }

interface Indicator {
  readonly name: string
  readonly path: string
  readonly light: string
  /** One with the newer property only cannot blink. */
  readonly blinks: boolean
}

async function all(context: RedfishContext, session: Session, options: Reading): Promise<Indicator[]> {
  const system = await systemOf(context, session, options)
  const chassis = await getChassis(session, system.value, options)
  const indicator = (component: string, { value, path }: Pick<Resource<Lit>, 'value' | 'path'>): Indicator[] => {
    const light = lightOf(value)
    if (light === undefined) return []
    return [{ name: `${value.UUID ?? value.Id}@${component}`, path, light, blinks: Boolean(value.IndicatorLED) }]
  }
  return [...indicator('system', system), ...chassis.flatMap((each) => indicator('chassis', each))]
}

function stateOf({ light }: Indicator): string {
  return Object.entries(STATES).find(([, each]) => each === light)?.[0] ?? 'unknown'
}

const statesOf = ({ blinks }: Indicator) => (blinks ? ['blinking', 'off', 'on'] : ['off', 'on'])

async function find(context: RedfishContext, session: Session, options: Reading, args: Args): Promise<Indicator> {
  const found = (await all(context, session, options)).find(({ name }) => name === args['indicator'])
  if (found === undefined) throw new FaultError('request.invalid', `there is no indicator ${String(args['indicator'])}`)
  return found
}

export const indicatorMethods = {
  async get_supported_indicators(context: RedfishContext) {
    const found = await read(context, (session, options) => all(context, session, options))
    return found.map((each) => ({ name: each.name, readonly: false, states: statesOf(each), state: stateOf(each) }))
  },
  async get_indicator_state(context: RedfishContext, args: Args) {
    return stateOf(await read(context, (session, options) => find(context, session, options, args)))
  },
  async set_indicator_state(context: RedfishContext, args: Args) {
    const state = String(args['state'])
    await mutate(context, async (session, options) => {
      const found = await find(context, session, options, args)
      if (!statesOf(found).includes(state))
        throw new FaultError('request.invalid', `the indicator ${found.name} cannot be set to ${state}`)
      await setLight(session, found.path, STATES[state]!, options)
    })
  },
}
