// A provisioning network where somebody else's DHCP server (dnsmasq, on a host of its own) gives all addresses and knows nothing of booting.
// The conductor, in proxy mode, adds what to boot, and the site has no addresses at all.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { addHost } from '../../lab/host.ts'
import { rackDirectory } from '../../lab/namespaces.ts'
import { addresses } from '../../lab/network.ts'
import type { MachineStory } from './machine-story.ts'
import type { FaultSite } from './site.ts'
import { tellAll } from './tell.ts'

const GIB8 = [{ sizeGiB: 8 }]
const leases = join(rackDirectory(), 'dnsmasq.leases')
let dhcp: Promise<void> | undefined

/** Once, by whichever story comes first: the network is there only with the rack. */
function otherServer(): Promise<void> {
  dhcp ??= (async () => {
    const host = await addHost('dhcp', { prov: addresses.host(9).prov })
    const [file, ...enter] = host.enter
    const output = openSync(join(rackDirectory(), 'dnsmasq.log'), 'a')
    // --no-daemon is dnsmasq's only mode that leaves groups alone, which a user namespace does not let it change.
    const server = [
      '--no-daemon',
      '--port=0',
      '--no-resolv',
      '--no-hosts',
      '--dhcp-authoritative',
      '--conf-file=/dev/null',
    ]
    const range = [
      '--interface=prov',
      '--dhcp-range=10.77.0.150,10.77.0.199,255.255.255.0,1h',
      `--dhcp-leasefile=${leases}`,
    ]
    const child = spawn(file, [...enter, 'dnsmasq', ...server, ...range], { stdio: ['ignore', output, output] })
    await once(child, 'spawn')
  })()
  return dhcp
}

async function tell(site: FaultSite, story: MachineStory): Promise<void> {
  await otherServer()
  await story.prepare()
  await story.deployWell(site.publish(story.machine.name))
  assert.equal(story.powerOns, 2)
  const [, , address = ''] =
    readFileSync(leases, 'utf8')
      .split('\n')
      .find((line) => line.includes(story.machine.mac))
      ?.split(' ') ?? []
  assert.match(address, /^10\.77\.0\.1[5-9]\d$/, 'the other server gave the address')
  const agent = /listening on https:\/\/(\S+):/.exec(story.lines.join('\n'))?.[1]
  assert.equal(agent, address, 'and the agent had it')
  const replies = [...(await story.notes('boot.dhcp-offer')), ...(await story.notes('boot.dhcp-ack'))]
  assert.ok(replies.length > 0)
  for (const { body } of replies) assert.match(String(body['detail']), /no address \(proxy\)/)
}

await tellAll(
  {
    'a BIOS machine': { machines: [{ name: 'bios', firmware: 'bios', disks: GIB8 }], tell },
    'a UEFI machine by its own PXE': {
      machines: [{ name: 'uefi', firmware: 'uefi', networkBoot: 'firmware', disks: GIB8 }],
      tell,
    },
  },
  { flags: { 'boot-mode': 'proxy' }, hasPool: false },
)
