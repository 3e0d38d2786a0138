// What a conductor does about a boot that was under way when its process ended: it goes on where the machine goes on by itself, and is done
// again where the machine might wait, or be waited for, in vain.
import { expect, test } from 'vitest'
import { FaultError } from '../../shared/faults.ts'
import { fakeContext } from '../testing/fake-context.ts'
import { fakeGrant } from '../testing/fake-hub.ts'
import fake from '../drivers/fake-hardware.ts'
import type { BootTicket } from '../boot/ticket.ts'
import { plannedBootDevice } from './boot-device.ts'
import { httpWay, mediaWay } from './boot-way.ts'
import { networkBoot, ramdiskBoot } from './ramdisk-boot.ts'

const HERE = 'https://10.0.0.1:9999'
const CALLED = { agent_url: 'https://10.0.0.50:9999', agent_certificate: 'PEM' }
const BOOT = { boot_token: 'b'.repeat(22), agent_token: 'a'.repeat(32), agent_api: HERE }

test.for([
  { what: 'nothing had been prepared', context: {}, back: false },
  { what: 'the machine had not fetched its script', context: BOOT, back: true },
  { what: 'it had', context: { ...BOOT, boot_script_fetched: true }, back: false },
  {
    what: 'its agent may have got its token, or not',
    context: { ...BOOT, boot_script_fetched: true, agent_token_shown: true },
    back: true,
  },
  { what: 'its agent had called', context: { ...BOOT, ...CALLED, agent_token_shown: true }, back: false },
  {
    what: 'it boots at another conductor',
    context: { ...BOOT, agent_api: 'https://10.0.0.2:9999', boot_script_fetched: true },
    back: true,
  },
])('a conductor is back, and $what', async ({ context: known, back }) => {
  const admitted: string[] = []
  const boot = {
    door: { admit: ({ node }: { node: string }) => void admitted.push(node), withdraw: () => {} },
    ramdisk: { kernel: '/kernel', initrd: '/initrd' },
    kernelArguments: '',
    agentApiUrl: HERE,
    caSha256: '0'.repeat(64),
    givesAddresses: false,
  }
  const ports = [{ uuid: 'p', address: '52:54:00:00:00:01', pxeEnabled: true }]
  const context = await fakeContext(fake, { node: fakeGrant('n', { ports }), context: known, boot: boot as never })
  const answer = await ramdiskBoot().resume!(context as never)
  expect(answer).toEqual(back ? ['power.power_off', 'boot.prepare_ramdisk'] : undefined)
  expect(context.notes.map(({ stage }) => stage)).toEqual(back ? ['boot.again'] : [])
  expect(admitted, 'the door is open where the boot goes on').toEqual(back || !('boot_token' in known) ? [] : ['n'])
  await context.close()
})

test.each(['ipxe', 'http'])(
  'a machine whose agent has called needs no file that its node names: with %s, whoever takes over fetches none',
  async (name) => {
    const tickets: BootTicket[] = []
    const boot = {
      door: { admit: (ticket: BootTicket) => void tickets.push(ticket), withdraw: () => {} },
      ramdisk: { kernel: '/kernel', initrd: '/initrd' },
      files: { get: async () => Promise.reject(new FaultError('image.unreachable', 'the image server is away')) },
      kernelArguments: '',
      agentApiUrl: HERE,
      caSha256: '',
    }
    const ports = [{ uuid: 'p', address: '52:54:00:00:00:01', pxeEnabled: true }]
    const node = fakeGrant('n', { ports })
    const known = { ...BOOT, ...CALLED, agent_token_shown: true }
    const context = await fakeContext(fake, { node, context: known, boot: boot as never })
    await using _ = { [Symbol.asyncDispose]: () => context.close() }
    const url = 'http://images.example/file'
    const checksum = 'a'.repeat(64)
    const driverInfo = {
      ...{ deploy_kernel: url, deploy_kernel_checksum: checksum },
      ...{ deploy_ramdisk: url, deploy_ramdisk_checksum: checksum },
    }
    expect(await networkBoot()[name]!.resume!({ ...context, driverInfo } as never)).toBeUndefined()
    expect(tickets).toEqual([{ node: 'n', macs: ['52:54:00:00:00:01'], token: BOOT.boot_token }])
  },
)

test('that the script was fetched is on record once', async () => {
  const ports = [{ uuid: 'p', address: '52:54:00:00:00:01', pxeEnabled: true }]
  const door = { admit: () => {}, withdraw: () => {} }
  const boot = {
    door,
    ramdisk: { kernel: '/k', initrd: '/i' },
    kernelArguments: '',
    agentApiUrl: HERE,
    caSha256: '',
    givesAddresses: false,
  }
  const context = await fakeContext(fake, { node: fakeGrant('n', { ports }), boot: boot as never })
  await ramdiskBoot().steps!['prepare_ramdisk']!(context as never)
  expect(context.kept).not.toHaveProperty('boot_script_fetched')
  await context.site.agents.scriptFetched('n')
  await context.site.agents.scriptFetched('n')
  expect(context.kept).toMatchObject({ boot_script_fetched: true })
  await ramdiskBoot().steps!['clean_up_ramdisk']!(context as never)
  await context.close()
})

const atBmc = { attach: async () => {}, detach: async () => {} }
test.each([
  { what: 'that its BMC shows the machine', way: mediaWay(atBmc), isOnIt: true },
  { what: 'whose URL its BMC was told', way: httpWay(atBmc), isOnIt: true },
  { what: 'whose URL DHCP tells whoever has the address of the card', way: httpWay(), isOnIt: false },
])('the token is on a volume $what: $isOnIt; if not, the first lookup has it', async ({ way, isOnIt }) => {
  const tickets: BootTicket[] = []
  const boot = {
    door: { admit: (ticket: BootTicket) => void tickets.push(ticket), withdraw: () => {} },
    ramdisk: { kernel: '/k', initrd: '/i' },
    isos: { get: async () => ({ path: '/iso', configAtByte: 0 }) },
    kernelArguments: '',
    agentApiUrl: HERE,
    caSha256: '',
  }
  const ports = [{ uuid: 'p', address: '52:54:00:00:00:01', pxeEnabled: true }]
  const context = await fakeContext(fake, { node: fakeGrant('n', { ports }), boot: boot as never })
  await using _ = { [Symbol.asyncDispose]: () => context.close() }
  await ramdiskBoot(way).steps!['prepare_ramdisk']!(context as never)
  const token = await context.site.open('n', 'task.agent_token', String(context.kept['agent_token']))
  const config = Buffer.from(tickets[0]!.medium!.patch!.bytes).toString()
  expect(config).toContain('BOOTIF=52:54:00:00:00:01')
  expect(config.includes(token)).toBe(isOnIt)
  const shown = [
    await context.site.agents.showToken('n', '10.0.0.50'),
    await context.site.agents.showToken('n', '10.0.0.51'),
  ]
  expect(shown).toEqual([isOnIt ? undefined : token, undefined])
})

test.each(['clean_up_ramdisk', 'clean_up_instance'])(
  '%s: a volume goes out while it is still served, and a BMC that cannot be asked keeps nothing from going on',
  async (step) => {
    const order: string[] = []
    const detach = async () => {
      order.push('detach')
      throw new FaultError('bmc.unreachable', 'no answer')
    }
    const way = mediaWay({ attach: async () => {}, detach })
    const door = { admit: () => {}, withdraw: () => void order.push('withdraw') }
    const ports = [{ uuid: 'p', address: '52:54:00:00:00:01', pxeEnabled: true }]
    const context = await fakeContext(fake, {
      node: fakeGrant('n', { ports }),
      context: { instance_info: { boot_iso: 'http://images.example/a.iso' } },
      boot: { door } as never,
    })
    await using _ = { [Symbol.asyncDispose]: () => context.close() }
    await ramdiskBoot(way).steps![step]!(context)
    expect(order).toEqual(['detach', 'withdraw'])
    expect(context.notes).toEqual([{ stage: 'boot.medium_stays', body: { why: 'no answer' } }])
  },
)

test('an instance that a task has let in is let in again by whoever goes on with the task, and by a boot of the ramdisk no more', async () => {
  const ports = [{ uuid: 'p', address: '52:54:00:00:00:01', pxeEnabled: true }]
  const letIn: unknown[] = []
  const door = {
    admit: () => {},
    admitInstance: ({ instance }: { instance: unknown }) => void letIn.push(instance),
    withdraw: () => {},
  }
  const boot = { door, ramdisk: { kernel: '/k', initrd: '/i' }, kernelArguments: '', agentApiUrl: HERE, caSha256: '' }
  const instance_info = { kernel: 'http://a/k', ramdisk: 'http://a/i', configdrive: '******' }
  const context = await fakeContext(fake, {
    node: fakeGrant('n', { ports }),
    context: { instance_info },
    boot: boot as never,
  })
  const { steps, resume } = ramdiskBoot()
  const done = await steps!['prepare_instance']!(context as never)
  await context.keep(done!.context!)
  expect(context.notes.map(({ stage }) => stage)).toEqual(['configdrive.ignored'])
  await resume!(context as never)
  const instance = { kernel: 'http://a/k', ramdisk: 'http://a/i', kernelArguments: 'root=/dev/ram0 text' }
  expect(letIn).toEqual([instance, instance])
  await steps!['prepare_ramdisk']!(context as never)
  await resume!(context as never)
  expect(letIn).toHaveLength(2)
  await context.close()
})
test.for(['http', 'http-ipxe'])('%s is of UEFI firmware', async (name) => {
  const boot = { door: {}, agentApiUrl: HERE }
  const ports = [{ uuid: 'p', address: '52:54:00:00:00:01', pxeEnabled: true }]
  const validate = async (mode: string) => {
    const node = fakeGrant('n', { ports, properties: { capabilities: `boot_mode:${mode}` } })
    const context = await fakeContext(fake, { node, boot: boot as never })
    await using _ = { [Symbol.asyncDispose]: () => context.close() }
    await networkBoot()[name]!.validate!(context as never)
  }
  await validate('uefi')
  await expect(validate('bios')).rejects.toMatchObject({ fault: { code: 'driver.invalid_info' } })
})

test('each boot interface says what the machine is set to boot from, and that is what a plan means', async () => {
  const files = { get: async () => '/file' }
  const iso = { get: async () => ({ path: '/iso', configAtByte: 0 }) }
  const tickets: BootTicket[] = []
  const door = { admit: (ticket: BootTicket) => void tickets.push(ticket), withdraw: () => {} }
  const boot = {
    door,
    ramdisk: { kernel: '/k', initrd: '/i' },
    files,
    isos: iso,
    kernelArguments: '',
    agentApiUrl: HERE,
    caSha256: '',
  }
  const ports = [{ uuid: 'p', address: '52:54:00:00:00:01', pxeEnabled: true }]
  const planned: Record<string, unknown> = {}
  for (const [name, implementation] of Object.entries(networkBoot())) {
    const args = { boot_device: 'pxe', persistent: false }
    const context = await fakeContext(fake, { node: fakeGrant('n', { ports }), boot: boot as never, args })
    await implementation.steps!['prepare_ramdisk']!(context as never)
    planned[name] = plannedBootDevice(context).boot_device
    await implementation.steps!['clean_up_ramdisk']!(context as never)
    await context.close()
  }
  expect(planned).toEqual({ ipxe: 'pxe', pxe: 'pxe', 'http-ipxe': 'uefihttp', http: 'uefihttp' })
  expect(Object.keys(planned), 'the default first').toEqual(['ipxe', 'pxe', 'http-ipxe', 'http'])
  expect(tickets.map(({ loader, medium }) => medium?.overHttp ?? loader)).toEqual(['ipxe', 'pxe', 'http-ipxe', true])
})

test.each([
  [undefined, [false, true]],
  ['Default', [false, true]],
  ['Always', [true, true]],
  ['Never', [false, false]],
])(
  'force_persistent_boot_device %s: what a plan sets for once and what it sets for good',
  async (force, persistent) => {
    const found = [false, true].map((planned) =>
      plannedBootDevice({
        args: { boot_device: 'disk', persistent: planned },
        driverInfo: { force_persistent_boot_device: force },
      } as never),
    )
    expect(found.map((each) => each.persistent)).toEqual(persistent)
  },
)
