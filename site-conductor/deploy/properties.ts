// Fields of driver_info that are common to deploy interfaces (drivers/common-info.ts): what they may be, and what they mean.
import { FaultError } from '../../shared/faults.ts'
import type { Context } from '../driver.ts'

type Fields = Readonly<Record<string, unknown>>

const TRUE = /^(true|yes|on|1)$/i
const FALSE = /^(false|no|off|0)$/i
const FLAGS = ['deploy_forces_oob_reboot', 'fast_track', 'has_dedicated_power_supply']

/** A flag of driver_info, as people write them. */
export function isSet(context: Pick<Context<unknown>, 'driverInfo'>, name: string): boolean {
  return TRUE.test(String(fieldsOf(context)[name]))
}

/** Who fetches the image, where that was said: by the instance before the node. */
export function downloadSource(context: Pick<Context<unknown>, 'driverInfo'>, instanceInfo: Fields): unknown {
  return instanceInfo['image_download_source'] ?? fieldsOf(context)['image_download_source'] ?? undefined
}

/** Throws a FaultError for what the node says of its deployments and cannot have. `fetch`: who can fetch images with the interface; absent: nobody. */
export function refuseProperties(
  context: Pick<Context<unknown>, 'driverInfo'>,
  instanceInfo: Fields = {},
  fetch?: readonly ('http' | 'local')[],
): void {
  const info = fieldsOf(context)
  for (const name of FLAGS) {
    const value = info[name]
    if (value !== undefined && value !== null && !TRUE.test(String(value)) && !FALSE.test(String(value)))
      throw invalid(name, value, 'must be true or false')
  }
  const verify = info['agent_verify_ca']
  if (verify !== undefined && verify !== null && !TRUE.test(String(verify)))
    throw invalid('agent_verify_ca', verify, 'an agent is always verified, by the certificate with which it called')
  const source = downloadSource(context, instanceInfo)
  if (fetch === undefined || source === undefined || fetch.some((each) => each === source)) return
  throw new FaultError(
    'driver.invalid_info',
    `image_download_source ${String(source)}: with this deploy interface it is ${fetch.join(' or ')}`,
    {
      hint: 'with deploy interface direct an agent fetches the image (http) or the conductor does (local), with iscsi the conductor',
    },
  )
}

/** driver_info of any driver. */
const fieldsOf = ({ driverInfo }: Pick<Context<unknown>, 'driverInfo'>) => (driverInfo ?? {}) as Fields

function invalid(name: string, value: unknown, why: string): FaultError {
  return new FaultError('driver.invalid_info', `driver_info.${name} ${JSON.stringify(value)}: ${why}`)
}
