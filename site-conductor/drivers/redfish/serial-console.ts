// The serial line of a machine with a Redfish BMC, which is IPMI's (Ironic's console interface `ipmitool-socat` of its hardware type redfish): with an
// address, a user and a password of its own in driver_info, beside those of Redfish. What is wrong there is wrong with the console alone.
import { FaultError } from '../../../shared/faults.ts'
import type { Context, Implementation } from '../../driver.ts'
import { socatConsole } from '../ipmi/console.ts'
import { ipmiInfo, type IpmiInfo } from '../ipmi/info.ts'
import type { RedfishInfo } from './info.ts'
import { SERIAL_FIELDS, SERIAL_SECRETS } from './serial-info.ts'

/** The context with what driver_info has for IPMI; throws a FaultError that names what it lacks. */
function overIpmi<Of extends Context<RedfishInfo>>(
  context: Of,
): Omit<Of, 'driverInfo'> & { readonly driverInfo: IpmiInfo } {
  const given = SERIAL_FIELDS.flatMap((field) => {
    const value = context.driverInfo[field]
    return value === undefined ? [] : [[field, value] as const]
  })
  const { data, error } = ipmiInfo.safeParse(Object.fromEntries(given))
  if (data !== undefined) return { ...context, driverInfo: data }
  const reasons = error.issues.map(({ path, message }) => {
    const field = path.join('.')
    if (!given.some(([name]) => name === field)) return `${field} is missing`
    return SERIAL_SECRETS.includes(field) ? `${field} has the wrong form` : `${field}: ${message}`
  })
  const hint = 'set ipmi_address, ipmi_username and ipmi_password in driver_info, or console_interface to no-console'
  throw new FaultError('driver.invalid_info', `the serial console is reached by IPMI: ${reasons.join('; ')}; ${hint}`, {
    hint,
  })
}

const { start_console: start } = socatConsole.steps!
const { get_console: look, restart_console: restart } = socatConsole.methods!

export const redfishSerialConsole: Implementation<RedfishInfo> = {
  validate: (context) => socatConsole.validate!(overIpmi(context)),
  steps: {
    start_console: async (context) => await start!(overIpmi(context)),
    /** Whatever driver_info has become since. */
    async stop_console({ node, site }) {
      await site.consoles?.stop(node.node)
      return { facts: { console_enabled: false } }
    },
  },
  methods: {
    get_console: async (context, args) => await look!(overIpmi(context), args),
    restart_console: async (context, args) => await restart!(overIpmi(context), args),
  },
  join: async (context, client, accept) => await socatConsole.join!(overIpmi(context), client, accept),
}
