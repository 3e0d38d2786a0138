// Debian's own `openstack baremetal` drives a fake machine through its life, and one behind a Redfish BMC, against the development server.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startRedfishBmc } from '../sim/bmc/redfish/start.ts'
import { startDevServer, type Server } from './dev-server.ts'

interface Ran {
  readonly status: number
  readonly out: string
  readonly error: string
}

const home = mkdtempSync(join(tmpdir(), 'ferrule-openstack-'))
let url = ''

let server: Server

beforeAll(async () => {
  server = await startDevServer()
  url = server.url
}, 60_000)
afterAll(async () => {
  await server?.stop()
  rmSync(home, { recursive: true, force: true })
})

/** Each line is a command of `openstack baremetal`; the first that fails ends the test with what it said. */
async function baremetal(commands: readonly string[], more: readonly string[] = []): Promise<Ran[]> {
  const common = ['--os-auth-type', 'none', '--os-endpoint', url, ...more, 'baremetal']
  const lists = commands.map((command) => [...common, ...command.split(' ')])
  // Debian's Python, whose packages they are. The client keeps the microversion that it negotiated in its home folder.
  const child = spawn('/usr/bin/python3', [join(import.meta.dirname, 'testdata/run-client.py')], {
    env: { PATH: process.env['PATH'], HOME: home },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let [out, error] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (error += text))
  child.stdin.end(JSON.stringify(lists))
  await once(child, 'close')
  const ran = out.split('\n').filter(Boolean).map((line) => JSON.parse(line) as Ran) // prettier-ignore
  if (ran.length !== commands.length) throw new Error(`the client ran ${ran.length} of ${commands.length}: ${error}`)
  return ran
}

async function succeed(commands: readonly string[], more?: readonly string[]): Promise<string[]> {
  const ran = await baremetal(commands, more)
  ran.forEach(({ status, error }, i) =>
    expect([commands[i], status, error]).toEqual([commands[i], 0, expect.anything()]),
  )
  return ran.map(({ out }) => out)
}

it(
  'a node is enrolled, deployed, operated, undeployed and deleted by the openstack client',
  { timeout: 300_000 },
  async () => {
    const json = '-f json'
    const uuid = JSON.parse((await succeed([`node create --driver fake-hardware --name n1 --resource-class gold --property cpus=8 ${json}`]))[0]!).uuid // prettier-ignore
    const out = await succeed([
      `port create --node ${uuid} 52:54:00:00:00:09 ${json}`,
      'node manage n1 --wait 30',
      'node provide n1 --wait 30',
      'node deploy n1 --wait 30',
      `node show n1 ${json}`,
      `node list --long --driver fake-hardware --provision-state active --resource-class gold --no-maintenance ${json}`,
      `node list --provision-state available ${json}`,
      `node list --fields uuid name power_state --sort name:desc ${json}`,
      'node power off n1 --power-timeout 30',
    ])
    const port = JSON.parse(out[0]!)
    expect([port.address, port.node_uuid]).toEqual(['52:54:00:00:00:09', uuid])
    expect(JSON.parse(out[4]!)).toMatchObject({
      uuid,
      provision_state: 'active',
      properties: { cpus: 8 },
      last_error: null,
    })
    expect(JSON.parse(out[5]!)).toMatchObject([{ UUID: uuid, 'Provisioning State': 'active' }])
    expect(JSON.parse(out[6]!)).toEqual([])
    expect(Object.keys(JSON.parse(out[7]!)[0]).sort()).toEqual(['Name', 'Power State', 'UUID'])

    await power('power off')
    await succeed(['node power on n1'])
    await power('power on')
    await succeed(['node reboot n1'])
    await power('power on')
    const later = await succeed([
      'node maintenance set n1 --reason broken-fan',
      `node show n1 --fields maintenance maintenance_reason ${json}`,
      'node maintenance unset n1',
      'node boot device set n1 pxe --persistent',
      `node boot device show n1 ${json}`,
      `node boot device show n1 --supported ${json}`,
      `node validate n1 ${json}`,
      'node set n1 --extra rack=7 --description moved',
      'node unset n1 --extra rack',
      `node show n1 --fields extra description ${json}`,
      `port list --node n1 ${json}`,
      `driver list ${json}`,
      `driver show fake-hardware ${json}`,
      `driver property list fake-hardware ${json}`,
      `conductor list ${json}`,
    ])
    const parsed = (i: number) => JSON.parse(later[i]!)
    expect(parsed(1)).toEqual({ maintenance: true, maintenance_reason: 'broken-fan' })
    expect(parsed(4)).toEqual({ boot_device: 'pxe', persistent: true })
    expect(parsed(6)).toContainEqual({ Interface: 'power', Result: true, Reason: '' })
    expect(parsed(9)).toEqual({ extra: {}, description: 'moved' })
    expect(parsed(10)).toMatchObject([{ Address: '52:54:00:00:00:09' }])
    expect(parsed(11)).toContainEqual(expect.objectContaining({ 'Supported driver(s)': 'fake-hardware' }))
    expect(parsed(14)).toMatchObject([{ Alive: true }])
    await succeed(['node undeploy n1 --wait 30', 'node delete n1'])
    expect(JSON.parse((await succeed([`node list ${json}`]))[0]!)).toEqual([])
  },
)

it('versions are negotiated, and what is refused is told in words', { timeout: 300_000 }, async () => {
  const version = (text: string) => ['--os-baremetal-api-version', text]
  const command = 'node create --driver fake-hardware --name n2 -f json'
  expect(JSON.parse((await succeed([command], version('latest')))[0]!)).toHaveProperty('lessee')
  const old = JSON.parse((await succeed(['node show n2 -f json'], version('1.9')))[0]!)
  expect([old.name, old.lessee]).toEqual(['n2', undefined])
  const refused = await baremetal(['node show absent', 'node deploy n2', command, 'node create --driver zzz'])
  const said = refused.map(({ status, out, error }) => [status, `${out}${error}`] as const)
  for (const [i, words] of [
    'absent could not be found',
    'while it is in state "enroll"',
    'already exists',
    'No valid host was found',
  ].entries())
    // prettier-ignore
    expect(said[i]).toEqual([1, expect.stringContaining(words)])
  await succeed(['node delete n2'])
})

it(
  'every other resource is made, changed, shown and deleted by the openstack client',
  { timeout: 300_000 },
  async () => {
    const json = '-f json'
    const out = await succeed([
      `node create --driver fake-hardware --name n3 --no-automated-clean ${json}`,
      'node set n3 --automated-clean --retired --retired-reason old --owner me --lessee you --instance-info a=b',
      'node unset n3 --automated-clean --retired --lessee --instance-info a',
      `node show n3 --fields automated_clean retired lessee owner instance_info uuid ${json}`,
      'node add trait n3 CUSTOM_A HW_CPU_X86_AVX',
      'node remove trait n3 CUSTOM_A',
      `node trait list n3 ${json}`,
      `chassis create --description rack ${json}`,
      `deploy template create CUSTOM_T --steps [{"interface":"bios","step":"s","args":{},"priority":10}] ${json}`,
      'deploy template set CUSTOM_T --extra a=1',
      'deploy template unset CUSTOM_T --extra a',
      `deploy template show CUSTOM_T ${json}`,
      'deploy template delete CUSTOM_T',
    ])
    const parsed = (of: string[], i: number) => JSON.parse(of[i]!)
    const { uuid: node, ...shown } = parsed(out, 3)
    expect(shown).toEqual({ automated_clean: null, retired: false, lessee: null, owner: 'me', instance_info: {} })
    expect(parsed(out, 6)).toEqual([{ Traits: 'HW_CPU_X86_AVX' }])
    expect(parsed(out, 11)).toMatchObject({ name: 'CUSTOM_T', extra: {} })
    const chassis = parsed(out, 7).uuid

    const made = await succeed([
      `port group create --node ${node} --name bond --mode 802.3ad --unsupport-standalone-ports ${json}`,
      `port create --node ${node} --pxe-enabled False --physical-network p1 --local-link-connection port_id=Ethernet1 --local-link-connection switch_id=52:54:00:00:00:99 52:54:00:00:00:0a ${json}`,
      `volume connector create --node ${node} --type iqn --connector-id iqn.2026-01.test:a ${json}`,
      `volume target create --node ${node} --type iscsi --boot-index 0 --volume-id v ${json}`,
    ])
    expect(parsed(made, 0)).toMatchObject({ mode: '802.3ad', standalone_ports_supported: false })
    expect(parsed(made, 1)).toMatchObject({ pxe_enabled: false, physical_network: 'p1' })
    const [group, port, connector, target] = made.map((text) => JSON.parse(text).uuid as string)
    const changed = await succeed([
      'port group set bond --support-standalone-ports --property a=b --extra c=d',
      'port group unset bond --property a --extra c',
      `port group show bond ${json}`,
      `port set ${port} --pxe-enabled --extra a=1 --port-group ${group}`,
      `port unset ${port} --extra a --port-group`,
      `port show ${port} ${json}`,
    ])
    await succeed(['node power off n3'])
    await power('power off', 'n3')
    const later = await succeed([
      `volume connector set ${connector} --extra a=1`,
      `volume target set ${target} --extra a=1 --property b=2`,
      `volume target unset ${target} --property b`,
      `volume target show ${target} ${json}`,
      `chassis set ${chassis} --description moved --extra a=1`,
      `chassis unset ${chassis} --extra a`,
      `node set n3 --chassis-uuid ${chassis}`,
      `node list --chassis ${chassis} ${json}`,
      'node unset n3 --chassis-uuid',
      `node vif attach n3 ${chassis}`,
      `node vif list n3 ${json}`,
      `node vif detach n3 ${chassis}`,
      `node history list n3 --long ${json}`,
      `node console show n3 ${json}`,
      'node console enable n3',
    ])
    expect(parsed(changed, 2)).toMatchObject({ standalone_ports_supported: true, properties: {}, extra: {} })
    expect(parsed(changed, 5)).toMatchObject({ pxe_enabled: true, portgroup_uuid: null, extra: {} })
    expect(parsed(later, 3)).toMatchObject({ extra: { a: 1 }, properties: {} })
    expect(parsed(later, 7)).toMatchObject([{ UUID: node }])
    expect(parsed(later, 10)).toEqual([{ ID: chassis }])
    await settled('n3')
    await succeed(['node console disable n3'])
    await settled('n3')

    await succeed(['node manage n3 --wait 30', 'node provide n3 --wait 30', 'node set n3 --resource-class gold'])
    const allocated = await succeed([
      `allocation create --resource-class gold --name a1 --trait HW_CPU_X86_AVX --wait 30 ${json}`,
      'allocation set a1 --extra a=1',
      `allocation show a1 ${json}`,
      `allocation list --node n3 ${json}`,
      `node show n3 --fields instance_uuid allocation_uuid ${json}`,
      'allocation delete a1',
    ])
    const { uuid: allocation } = parsed(allocated, 0)
    expect(parsed(allocated, 2)).toMatchObject({ node_uuid: node, state: 'active', extra: { a: 1 } })
    expect(parsed(allocated, 4)).toEqual({ instance_uuid: allocation, allocation_uuid: allocation })
    await succeed([
      `volume target delete ${target}`,
      `volume connector delete ${connector}`,
      `port delete ${port}`,
      'port group delete bond',
      'node delete n3',
      `chassis delete ${chassis}`,
    ])
  },
)

it('a machine behind a Redfish BMC is operated by the openstack client', { timeout: 300_000 }, async () => {
  const bmc = await startRedfishBmc()
  try {
    const { machine } = bmc
    const json = '-f json'
    const info = `--driver-info redfish_address=${bmc.url} --driver-info redfish_username=admin --driver-info redfish_password=secret`
    const out = await succeed([
      `node create --driver redfish --name r1 ${info} ${json}`,
      'node manage r1 --wait 60',
      `node show r1 --fields power_state boot_mode driver_info ${json}`,
      'node boot device set r1 cdrom --persistent',
      `node boot device show r1 ${json}`,
      'node inject nmi r1',
      `node bios setting list r1 ${json}`,
      'node passthru call r1 eject_vmedia --http-method POST',
      `node passthru list r1 ${json}`,
      `node validate r1 ${json}`,
      `driver property list redfish ${json}`,
    ])
    const parsed = (i: number) => JSON.parse(out[i]!)
    expect(parsed(2)).toMatchObject({
      power_state: 'power off',
      boot_mode: 'uefi',
      driver_info: { redfish_password: '******' },
    })
    expect(machine.chassis.boot()).toMatchObject({ valid: true, persistent: true, device: 5 })
    expect(parsed(4)).toEqual({ boot_device: 'cdrom', persistent: true })
    expect(machine.nmis).toBe(1)
    expect(parsed(6)).toContainEqual({ 'BIOS setting name': 'ProcTurboMode', 'BIOS setting value': 'Enabled' })
    expect((parsed(8) as { Name: string }[]).map((method) => method.Name)).toEqual([
      'eject_vmedia',
      'create_subscription',
      'delete_subscription',
      'get_all_subscriptions',
      'get_subscription',
    ])
    expect(parsed(9)).toContainEqual({ Interface: 'raid', Result: true, Reason: '' })
    expect(parsed(10)).toContainEqual(expect.objectContaining({ Property: 'redfish_system_id' }))

    await succeed(['node boot mode set r1 bios'])
    await expect.poll(() => machine.efi, { timeout: 10_000 }).toBe(false)
    await settled('r1')
    await succeed(['node secure boot on r1'])
    await expect.poll(() => machine.secureBootEnable, { timeout: 10_000 }).toBe(true)
    await settled('r1')
    const steps = JSON.stringify([
      { interface: 'bios', step: 'apply_configuration', args: { settings: [{ name: 'NumLock', value: false }] } },
    ]).replaceAll(' ', '')
    await succeed([`node clean r1 --wait 60 --clean-steps ${steps}`])
    expect(machine.bios()['NumLock']).toBe(false)
    await succeed(['node delete r1'])
  } finally {
    await bmc.close()
  }
})

async function settled(name: string): Promise<void> {
  const reservation = async () => {
    const answer = await fetch(`${url}/v1/nodes/${name}`, { headers: { 'X-OpenStack-Ironic-API-Version': 'latest' } })
    return ((await answer.json()) as { reservation: string | null }).reservation
  }
  await expect.poll(reservation, { timeout: 10_000 }).toBeNull()
}

async function power(wanted: string, name = 'n1'): Promise<void> {
  let seen = ''
  for (let i = 0; i < 200; i++) {
    const node = (await (await fetch(`${url}/v1/nodes/${name}`, { headers: { 'X-OpenStack-Ironic-API-Version': 'latest' } })).json()) as { power_state: string; target_power_state: string | null } // prettier-ignore
    seen = JSON.stringify([node.power_state, node.target_power_state])
    if (node.power_state === wanted && node.target_power_state === null) return
    await new Promise((done) => setTimeout(done, 50))
  }
  throw new Error(`the power is ${seen}, not ${wanted}`)
}
