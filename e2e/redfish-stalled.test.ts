// A conductor that is stopped (SIGSTOP) with its change under way to a Redfish BMC, while another takes over; then the request arrives, and the stopped
// one goes on as if nothing had been. The BMC's log is the judge: the machine was switched once, by the successor.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startStory } from './story.ts'

const LEASE_MS = 1_000
const PATIENCE_MS = 60_000

test(
  'a request that arrives after the take-over is refused by the BMC, for its session has been deleted',
  { timeout: 180_000 },
  async (context) => {
    await using story = await startStory(context, {
      driver: 'redfish',
      conductor: 'process',
      leaseMs: LEASE_MS,
      patienceMs: PATIENCE_MS,
    })
    const { api, site, node, machine, until } = story
    const bmc = machine.redfish!
    await api.provision(node, 'manage')
    expect((await story.reach('manageable'))['driver_internal_info']).toMatchObject({ fence: 'session' })
    const other = await site.join({}, 'process')
    const owner = async () => (await api.node(node))['conductor']
    const first = await until('an owner', async () => {
      const name = await owner()
      return [site.conductor, other].find(({ hostname }) => hostname === name)
    })

    const held = Promise.withResolvers<void>()
    let underWay = 0
    bmc.delay = ({ path }) => {
      if (path.endsWith('ComputerSystem.Reset') && underWay++ === 0) return held.promise
      return undefined
    }
    await api.call('PUT', `/nodes/${node}/states/power`, { target: 'power on' })
    await until('a change under way', () => underWay > 0)
    first.stall()
    try {
      await until('the change by the successor', () => bmc.log.of('ComputerSystem.Reset').length > 0)
      await until('the end of the task', async () => {
        const now = await api.node(node)
        expect(now.last_error).toBeNull()
        return now.reservation === null && now.power_state === 'power on'
      })
      expect(await owner()).not.toBe(first.hostname)
      const strays = bmc.log.strays
      held.resolve()
      await until('the late request', () => bmc.log.strays > strays)
    } finally {
      first.resume()
    }
    // Whatever the one that was stopped still has to say is said by then.
    await sleep(3 * LEASE_MS)
    const resets = bmc.log.entries.filter(({ what, path }) => what.includes('Reset') || path.endsWith('Reset'))
    expect(resets.map(({ status }) => status)).toEqual([204, 401])
    expect(machine.offToOn()).toBe(1)
    expect((await api.timeline(node)).map(({ type }) => type)).toContain('fence.closed')
  },
)
