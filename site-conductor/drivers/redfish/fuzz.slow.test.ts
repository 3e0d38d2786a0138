// A BMC that lies: answers of the simulated one with parts of them replaced by anything. Whatever it says, a driver's answer is a value or a fault with a
// name, soon.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { RedfishMachine } from '../../../sim/bmc/redfish/machine.ts'
import { RedfishServer } from '../../../sim/bmc/redfish/server.ts'
import { memoryChassis } from '../../../sim/bmc/chassis.ts'
import { FaultError } from '../../../shared/faults.ts'
import { type FakeContext, fakeContext } from '../../testing/fake-context.ts'
import { fakeGrant } from '../../testing/fake-hub.ts'
import driver from '../redfish.ts'

let server: Server
let url: string
let spoil: (body: unknown) => unknown
let spoilt = 0

beforeEach(async () => {
  const bmc = new RedfishServer(new RedfishMachine(memoryChassis()), { sessionLimit: 1_000 })
  server = createServer((request, response) => {
    let body = ''
    request.on('data', (part: Buffer) => void (body += part.toString()))
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request
      const answer = bmc.answer({ method, path, headers, body })!
      const text = answer.body === '' ? '' : JSON.stringify(spoil(JSON.parse(answer.body)))
      response.writeHead(answer.status, answer.headers).end(text)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise<void>((resolve) => server.close(() => resolve()))
})

const READS: readonly (readonly [string, string])[] = [
  ['power', 'get_power_state'],
  ['management', 'get_boot_device'],
  ['management', 'get_boot_mode'],
  ['management', 'get_secure_boot_state'],
  ['management', 'get_supported_indicators'],
  ['management', 'get_virtual_media'],
  ['management', 'get_sensors_data'],
]
const RAID = [
  'raid',
  'apply_configuration',
  { raid_config: { logical_disks: [{ size_gb: 100, raid_level: '1' }] } },
] as const
const STEPS: readonly (readonly [string, string, Record<string, unknown>])[] = [
  ['bios', 'cache_bios_settings', {}],
  ['bios', 'apply_configuration', { settings: [{ name: 'ProcTurboMode', value: 'Disabled' }] }],
  ['inspect', 'inspect_hardware', {}],
  RAID,
  ['firmware', 'update', { settings: [{ component: 'bmc', url: 'http://192.0.2.1/bmc-2.11.bin' }] }],
  ['management', 'set_boot_device', { boot_device: 'pxe' }],
  ['management', 'set_secure_boot', { enabled: true }],
  ['vendor', 'eject_vmedia', {}],
]

const nonsense = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(
    null,
    '',
    'http://192.0.2.1/redfish/v1/Systems/1',
    '//192.0.2.1/',
    '/redfish/v1/',
    '/redfish/v1/Systems',
    '../../..',
    { '@odata.id': 'http://192.0.2.1/' },
    { '@odata.id': '/redfish/v1/Systems/1' },
    [{ '@odata.id': 7 }],
    -1,
    1e308,
    'x'.repeat(100_000),
  ),
)

/** Replaces what is at the `n`th place of a document, counted in its order. */
function replaced(value: unknown, n: number, by: unknown): unknown {
  let left = n
  const walk = (each: unknown): unknown => {
    if (left-- === 0) return by
    if (Array.isArray(each)) return each.map(walk)
    if (typeof each !== 'object' || each === null) return each
    return Object.fromEntries(Object.entries(each).map(([name, inner]) => [name, walk(inner)]))
  }
  return walk(value)
}

async function run(context: FakeContext, [kind, name, args]: readonly [string, string, Record<string, unknown>?]) {
  const { steps, methods } = driver.interfaces[kind as 'power']!['redfish']!
  const given = { ...context, before: context.before, args: args ?? {} }
  await (methods?.[name] === undefined ? steps![name]!(given) : methods[name](given, {}))
}

test('whatever a BMC says, the driver answers or says what is wrong', async () => {
  const lie = fc.record({ at: fc.nat(15), place: fc.nat(40), by: nonsense })
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...READS, ...STEPS),
      fc.array(lie, { minLength: 1, maxLength: 4 }),
      async (what, lies) => {
        let answers = 0
        spoil = (body) => {
          const found = lies.find(({ at }) => at === answers)
          answers++
          if (found === undefined) return body
          spoilt++
          return replaced(body, found.place, found.by)
        }
        const info = { redfish_address: url, redfish_username: 'admin', redfish_password: 'secret' }
        const context = await fakeContext(driver, {
          node: fakeGrant('n', { driver: 'redfish', driverInfo: info }),
          signal: AbortSignal.timeout(1_000),
        })
        try {
          await run(context, what as never)
        } catch (error) {
          // Work that a lie says is still under way is waited for: the test's time limit ends it.
          const isOver = (error as Error).name === 'TimeoutError'
          if (!isOver) {
            expect(error, String((error as Error).stack)).toBeInstanceOf(FaultError)
            expect((error as FaultError).fault.code).not.toBe('internal')
            expect((error as FaultError).fault.message.length).toBeLessThan(1_000)
          }
        } finally {
          await context.close()
        }
      },
    ),
    {
      numRuns: 300,
      examples: [
        // A controller of another name, or of a very long one, behind the plan.
        [RAID, [{ at: 6, place: 3, by: 'x'.repeat(100_000) }]],
      ],
    },
  )
  expect(spoilt).toBeGreaterThan(200)
})
