// What belongs to a driver and not to a node: the words of its RAID configurations, and its own vendor methods. No driver has one of those: what a
// driver does it does to a machine (site-conductor/driver.ts), so that there is nobody to ask.
import { FaultError } from '../../shared/faults.ts'
import type { DriverFacts } from '../../shared/protocol.ts'
import { json, type Answer, type Call, type Method, type Route } from './call.ts'
import { LOGICAL_DISK_PROPERTIES } from './nodes/raid.ts'
import { invalid, readQuery } from './query.ts'
import { memberSql } from '../membership.ts'
import { METHOD_ARGUMENT } from './nodes/vendor.ts'

/** As a live conductor serves it. Throws 404. */
async function driverOf(call: Call): Promise<DriverFacts> {
  const name = call.params['driver']!
  const sql = `SELECT d.value FROM conductors c, json_each(c.drivers) d WHERE ${memberSql('c', '?1')} AND d.value ->> '$.name' = ?2 LIMIT 1`
  const [row] = await call.sql.all(sql, [call.ports.env.now(), name])
  if (!row) throw new FaultError('not_found', `Driver ${name} could not be found.`)
  return JSON.parse(String(row[0])) as DriverFacts
}

async function raidProperties(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const driver = await driverOf(call)
  if (!driver.interfaces['raid'])
    throw new FaultError(
      'driver.unsupported',
      `Driver ${driver.name} does not support raid (disabled or not implemented).`,
    )
  return json(LOGICAL_DISK_PROPERTIES)
}

async function methods(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  await driverOf(call)
  return json({})
}

async function passThrough(call: Call): Promise<Answer> {
  const name = call.params['method'] ?? new URLSearchParams(call.search).get('method')
  if (!name) throw invalid('The vendor method is needed')
  const driver = await driverOf(call)
  throw new FaultError('driver.unsupported', `Driver ${driver.name} has no vendor method "${name}" without a node.`, {
    hint: 'methods of a node: GET /v1/nodes/{id}/vendor_passthru/methods',
  })
}

const METHODS: readonly Method[] = ['DELETE', 'GET', 'PATCH', 'POST', 'PUT']
const PATH = '/v1/drivers/:driver'

export const driverVendorRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: `${PATH}/raid/logical_disk_properties`,
    since: 12,
    tooOld: 'version.unsupported',
    about: 'What a logical disk of a RAID configuration may have',
    run: raidProperties,
  },
  {
    method: 'GET',
    path: `${PATH}/vendor_passthru/methods`,
    about: 'Vendor methods of the driver itself',
    run: methods,
  },
  ...METHODS.flatMap((method): Route[] => {
    const about = 'Calls a vendor method of the driver itself'
    return [
      { method, path: `${PATH}/vendor_passthru/:method`, about, passthrough: true, run: passThrough },
      {
        method,
        path: `${PATH}/vendor_passthru`,
        about,
        passthrough: true,
        query: { method: METHOD_ARGUMENT },
        run: passThrough,
      },
    ]
  }),
]
