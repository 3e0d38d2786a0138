import dgram from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { BootServices } from './services.ts'
import { mediumPath, TicketError } from './ticket.ts'
import { MAC, localTicket, ticket } from './testdata/tickets.ts'
import { getOption } from '../dhcp/options/option.ts'
import { bootFileName } from '../dhcp/options/texts.ts'
import { decodePacket } from '../dhcp/packet.ts'
import { clientMessage } from '../dhcp/testdata/requests.ts'
import { download } from '../tftp/peer/client.ts'
import type { LoaderFiles } from './loaders.ts'
import type { Resident } from './residents.ts'
import type { BootServicesOptions } from './services.ts'
import { goesOnByItself, type StageEvent } from './timeline.ts'
import type { Wants } from '../dhcp/testdata/requests.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

const LOADERS = { 'undionly.kpxe': Buffer.from('BIOS loader'), 'snponly.efi': Buffer.from('UEFI loader') }

/** Boot services on loopback, and a relay agent through which the test plays the machine. */
async function rig(
  mode: 'reservations' | 'proxy' = 'reservations',
  options: Partial<BootServicesOptions> = {},
  more: LoaderFiles = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'ferrule-boot-'))
  cleanups.push(() => rmSync(folder, { recursive: true }))
  const ramdisk = {
    kernel: join(folder, 'k'),
    initrd: join(folder, 'i'),
    kernelArguments: 'console=ttyS0 token=s3cret',
  }
  writeFileSync(ramdisk.kernel, 'the kernel')
  writeFileSync(ramdisk.initrd, 'the ramdisk')
  const relay = dgram.createSocket('udp4')
  relay.bind(0, '127.0.0.1')
  await once(relay, 'listening')
  cleanups.push(() => relay.close())
  const stages: StageEvent[] = []
  const services = new BootServices({ onStage: (stage) => stages.push(stage), ...options })
  const dhcpRelay = relay.address().port
  const ports = { dhcp: 0, proxyDhcp: 0, tftp: 0, http: 0, dhcpRelay }
  await services.start({ address: '127.0.0.1', mode, ports, loaders: { ...LOADERS, ...more } })
  cleanups.push(() => services.close())

  const send = (wants: Wants): void => {
    relay.send(
      clientMessage('discover', { ...wants, packet: { giaddr: '127.0.0.1', ...wants.packet } }),
      services.ports.dhcp,
    )
  }
  const discover = async (wants: Wants) => {
    const answer = once(relay, 'message')
    send(wants)
    const packet = decodePacket(((await answer) as [Buffer])[0])
    return { packet, bootFile: getOption(packet.options, bootFileName) }
  }
  const tftp = { address: '127.0.0.1', port: services.ports.tftp }
  const origin = `http://127.0.0.1:${services.ports.http}`
  return { services, stages, ramdisk, discover, send, tftp, origin, folder }
}

describe('boot services', () => {
  it('serve a volume for a drive, and send firmware that tries the network to its disk', async () => {
    const { services, discover, origin, folder, stages } = await rig()
    writeFileSync(join(folder, 'iso'), 'a volume with ________ in it')
    const medium = { path: join(folder, 'iso'), patch: { atByte: 14, bytes: Buffer.from('this one') } }
    const { ramdisk: _, ...rest } = ticket()
    services.admit({ ...rest, medium })
    expect(services.origin).toBe(origin)
    const answer = await fetch(`${origin}${mediumPath(rest.token)}`)
    expect(await answer.text()).toBe('a volume with this one in it')
    expect(answer.headers.get('content-type')).toBe('application/vnd.efi-iso')
    expect(stages).toMatchObject([{ node: 'node-1', stage: 'medium', bytes: 0 }])

    expect((await discover({ architecture: 7 })).bootFile, 'an address, and nothing to load').toBeUndefined()
    const { bootFile = '' } = await discover({ architecture: 7, ipxe: true })
    expect(await (await fetch(bootFile)).text()).toContain('nothing to deploy, booting from disk')
    services.withdraw('node-1')
    expect((await fetch(`${origin}${mediumPath(rest.token)}`)).status).toBe(404)
  })

  it('take a UEFI machine from its first packet to its ramdisk', async () => {
    const { services, ramdisk, discover, tftp, stages } = await rig()
    services.admit(ticket({ ramdisk }))
    const firmware = await discover({ architecture: 7 })
    expect([firmware.packet.yiaddr, firmware.packet.siaddr]).toEqual(['127.0.0.9', '127.0.0.1'])
    const loaded = await download(tftp, firmware.bootFile ?? '', { blksize: '1468', tsize: '0', windowsize: '4' })
    expect(loaded.content.toString()).toBe('UEFI loader')

    const { bootFile = '' } = await discover({ architecture: 7, ipxe: true })
    const script = await (await fetch(bootFile)).text()
    const [, kernel = '', ramdiskUrl = ''] =
      /kernel --name kernel (\S+) console[^]*ramdisk (http\S+)/.exec(script) ?? []
    expect(await (await fetch(kernel)).text()).toBe('the kernel')
    expect(await (await fetch(ramdiskUrl)).text()).toBe('the ramdisk')

    const expected = ['dhcp-offer', 'tftp', 'dhcp-offer', 'ipxe-script', 'kernel', 'ramdisk']
    await expect.poll(() => [...new Set(stages.map(({ stage }) => stage))]).toEqual([...new Set(expected)])
    const done = stages
      .filter(({ outcome }) => outcome === 'complete')
      .map(({ node, stage, bytes }) => [node, stage, bytes])
    expect(done).toEqual([
      ['node-1', 'tftp', 11],
      ['node-1', 'ipxe-script', Buffer.byteLength(script)],
      ['node-1', 'kernel', 10],
      ['node-1', 'ramdisk', 11],
    ])
  })

  it('give UEFI HTTP boot its loader by HEAD and GET', async () => {
    const { services, ramdisk, discover, stages } = await rig()
    services.admit(ticket({ ramdisk }))
    const { bootFile = '' } = await discover({ architecture: 16, vendor: 'HTTPClient' })
    const head = await fetch(bootFile, { method: 'HEAD' })
    expect([head.headers.get('content-length'), head.headers.get('content-type')]).toEqual(['11', 'application/efi'])
    expect(await (await fetch(bootFile)).text()).toBe('UEFI loader')
    await expect.poll(() => stages.at(-1)).toMatchObject({ stage: 'http-loader', outcome: 'complete' })
  })

  it('give GRUB and PXELINUX their configuration, kernel and ramdisk by TFTP', async () => {
    const more = { 'grubx64.efi': Buffer.from('GRUB'), 'pxelinux.0': Buffer.from('PXELINUX') }
    const { services, ramdisk, discover, tftp, stages } = await rig('reservations', {}, more)
    services.admit(ticket({ ramdisk, loader: 'pxe' }))
    const get = async (file: string) => (await download(tftp, file, {})).content.toString()
    const { bootFile = '' } = await discover({ architecture: 7 })
    expect(await get(bootFile)).toBe('GRUB')
    const folder = bootFile.replace('/grubx64.efi', '')
    const grub = await get(`/${folder}/grub.cfg-01-52-54-00-77-00-01`)
    expect(grub).toContain(`linux /${folder}/kernel 'console=ttyS0' 'token=s3cret' 'BOOTIF=01-52-54-00-77-00-01'\n`)
    expect(await get(/^linux (\S+)/m.exec(grub)?.[1] ?? '')).toBe('the kernel')
    await expect.poll(() => stages.at(-1)).toMatchObject({ stage: 'tftp', file: 'kernel' })
    expect(stages.some(goesOnByItself), 'a conductor that restarts now boots the machine again').toBe(false)
    expect(await get(/^initrd (\S+)/m.exec(grub)?.[1] ?? '')).toBe('the ramdisk')
    await expect.poll(() => stages.some(goesOnByItself), { message: 'and now it does not' }).toBe(true)
    const pxelinux = await get(`${folder}/pxelinux.cfg/01-52-54-00-77-00-01`)
    expect(pxelinux).toContain('APPEND console=ttyS0 token=s3cret BOOTIF=01-52-54-00-77-00-01\n')
    for (const file of ['grub.cfg-01-52-54-00-77-00-02', 'grub.cfg', 'pxelinux.cfg/default', '../kernel'])
      expect((await download(tftp, `${folder}/${file}`)).error).toBeDefined()
  })

  it('refuse a boot by TFTP alone where no loader for it is configured', async () => {
    const { services, ramdisk } = await rig()
    expect(() => services.admit(ticket({ ramdisk, loader: 'pxe' }))).toThrow('loaderGrub')
  })

  it('keep kernel and ramdisk of a boot by iPXE off TFTP', async () => {
    const { services, ramdisk, tftp } = await rig()
    services.admit(ticket({ ramdisk }))
    expect((await download(tftp, `${ticket().token}/kernel`)).error).toBeDefined()
  })

  it('send a machine that lives here to its disk, whatever its firmware tries, until it has a ticket', async () => {
    const address = { ip: '127.0.0.8', prefixLength: 24 }
    const resident = (mac: string) => (mac === MAC ? { node: 'node-1', address } : undefined)
    const { services, ramdisk, discover, stages } = await rig('reservations', { resident })
    expect(await discover({ architecture: 7 })).toMatchObject({ packet: { yiaddr: address.ip, bootFile: '' } })
    const { bootFile = '' } = await discover({ architecture: 7, ipxe: true })
    expect(await (await fetch(bootFile)).text()).toContain('exit 1')
    services.admit(ticket({ ramdisk }))
    expect((await discover({ architecture: 7 })).bootFile).toContain('snponly.efi')
    services.withdraw('node-1')
    expect((await discover({ architecture: 7 })).packet.bootFile).toBe('')
    expect(stages.filter(({ stage }) => stage === 'stalled')).toEqual([])
  })

  it('do not answer the operating system of a machine that lives here', async () => {
    const address = { ip: '127.0.0.8', prefixLength: 24 }
    const { send, discover } = await rig('reservations', { resident: () => ({ node: 'node-1', address }) })
    send({ packet: { transactionId: 1 } })
    expect((await discover({ architecture: 7, packet: { transactionId: 2 } })).packet.transactionId).toBe(2)
  })

  describe('and a machine whose instance is a kernel and a ramdisk of an operator', () => {
    const instance = {
      kernel: 'http://10.9.9.9/vmlinuz',
      ramdisk: 'http://10.9.9.9/initrd?v=1',
      kernelArguments: 'a=1',
    }
    const address = { ip: '127.0.0.8', prefixLength: 24 }
    const lives: Resident = { node: 'node-1', address, instance, isOnlyCard: true }

    it('boot it at every start, by its loader and its script, until it does not live here any more', async () => {
      let resident: Resident | undefined = lives
      const { discover, tftp, stages } = await rig('reservations', { resident: () => resident })
      const { bootFile: loader = '' } = await discover({ architecture: 7 })
      expect((await download(tftp, loader)).content.toString()).toBe('UEFI loader')
      const { bootFile: byHttp = '' } = await discover({ architecture: 16, vendor: 'HTTPClient' })
      expect(await (await fetch(byHttp)).text()).toBe('UEFI loader')
      const { bootFile: script = '' } = await discover({ architecture: 7, ipxe: true })
      const text = await (await fetch(script)).text()
      expect(text).toContain(`kernel --name kernel ${instance.kernel} a=1 initrd=ramdisk || goto failed`)
      await expect
        .poll(() => stages.at(-1))
        .toMatchObject({ node: 'node-1', stage: 'ipxe-script', outcome: 'complete' })
      resident = undefined
      expect([(await fetch(script)).status, (await download(tftp, loader)).error]).toEqual([404, '1 file not found'])
      resident = { node: 'node-1', address }
      expect((await discover({ architecture: 7 })).packet.bootFile).toBe('')
    })

    it('let what a task has told it be right when the task has ended', async () => {
      let resident: Resident | undefined
      const { services, discover } = await rig('reservations', { resident: () => resident })
      services.admitInstance({ node: 'node-1', macs: [MAC], address, instance })
      const { bootFile: script = '' } = await discover({ architecture: 7, ipxe: true })
      const text = await (await fetch(script)).text()
      resident = lives
      services.withdraw('node-1')
      expect(await (await fetch(script)).text()).toBe(text)
      expect((await discover({ architecture: 7, ipxe: true })).bootFile).toBe(script)
      resident = undefined
      expect((await fetch(script)).status).toBe(404)
    })

    it('give its address to the operating system, where that can ask by one card only', async () => {
      let resident = lives
      const { send, discover } = await rig('reservations', { resident: () => resident })
      expect((await discover({ packet: { transactionId: 1 } })).packet).toMatchObject({
        yiaddr: address.ip,
        bootFile: '',
      })
      resident = { ...lives, isOnlyCard: false }
      send({ packet: { transactionId: 2 } })
      expect((await discover({ architecture: 7, packet: { transactionId: 3 } })).packet.transactionId).toBe(3)
    })

    it('refuse what would run commands in firmware', async () => {
      const { services } = await rig()
      for (const [change, why] of [
        [{ kernel: 'http://10.9.9.9/${mac}' }, 'not a plain http URL'],
        [{ ramdisk: 'http://10.9.9.9/a b' }, 'not a plain http URL'],
        [{ kernelArguments: 'a && shell' }, 'command separator'],
      ] as const)
        expect(() =>
          services.admitInstance({ node: 'n', macs: [MAC], address, instance: { ...instance, ...change } }),
        ).toThrow(why)
    })
  })

  it('send a machine without a ramdisk to its disk', async () => {
    const { services, discover } = await rig()
    services.admit(localTicket())
    expect(await discover({ architecture: 7 })).toMatchObject({ packet: { yiaddr: '127.0.0.9', bootFile: '' } })
    const { bootFile = '' } = await discover({ architecture: 0, ipxe: true })
    expect(await (await fetch(bootFile)).text()).toContain('sanboot')
    const kernel = bootFile.replace('boot.ipxe', 'kernel')
    expect((await fetch(kernel)).status).toBe(404)
  })

  it('tell only what to boot beside another DHCP server', async () => {
    const { services, ramdisk, discover } = await rig('proxy')
    const { address: _, ...without } = ticket({ ramdisk })
    services.admit(without)
    const { packet, bootFile } = await discover({ architecture: 0 })
    expect([packet.yiaddr, bootFile]).toEqual(['0.0.0.0', `${without.token}/undionly.kpxe`])
  })

  it('MAC knowledge gives node data: a MAC that nobody is booting gets no answer and no file', async () => {
    const strangers: unknown[] = []
    const { services, ramdisk, discover, send, tftp, origin } = await rig('reservations', {
      onStranger: ({ mac, client }) => strangers.push([mac, client.kind]),
    })
    const { token } = ticket()
    services.admit(ticket({ ramdisk }))
    services.withdraw('node-1')
    send({ architecture: 7 })
    send({ architecture: 7, ipxe: true })
    // The next answer being this one's shows that those two got none.
    services.admit(ticket({ node: 'node-2', macs: ['52:54:00:00:00:02'], token: 'another-token-of-22-letters' }))
    const { packet } = await discover({ architecture: 7, packet: { mac: '52:54:00:00:00:02' } })
    expect(packet.mac).toBe('52:54:00:00:00:02')
    expect(strangers).toEqual([
      [MAC, 'pxe'],
      [MAC, 'ipxe'],
    ])
    for (const path of [
      `/${token}/boot.ipxe`,
      `/${token}/kernel`,
      `/${MAC}`,
      `/pxelinux.cfg/${MAC}`,
      '/boot.ipxe',
      '/',
    ]) {
      expect([path, (await fetch(`${origin}${path}`)).status]).toEqual([path, 404])
    }
    for (const name of [`${token}/snponly.efi`, 'snponly.efi', MAC, `pxelinux.cfg/01-${MAC}`]) {
      expect([name, (await download(tftp, name)).error]).toEqual([name, '1 file not found'])
    }
  })

  it('TFTP traversal and unauthenticated file download: a token opens its loaders only', async () => {
    const { services, ramdisk, tftp, origin } = await rig()
    services.admit(ticket({ ramdisk }))
    const { token } = ticket()
    expect((await download(tftp, `/${token}/undionly.kpxe`)).content.toString()).toBe('BIOS loader')
    for (const name of [
      `${token}/kernel`,
      `${token}/../${token}/snponly.efi`,
      `${token}/../../etc/passwd`,
      `${token}//snponly.efi`,
      `${token}${ramdisk.kernel}`,
      ramdisk.kernel,
      `${token}/`,
      token,
    ]) {
      expect([name, (await download(tftp, name)).error]).toEqual([name, '1 file not found'])
    }
    expect((await fetch(`${origin}/${token}${ramdisk.kernel}`)).status).toBe(404)
    expect((await fetch(`${origin}/${token}`)).status).toBe(404)
  })

  it('show no token, path or kernel argument on the timeline', async () => {
    const { services, ramdisk, discover, tftp, stages } = await rig()
    services.admit(ticket({ ramdisk }))
    const { bootFile = '' } = await discover({ architecture: 7 })
    await download(tftp, bootFile)
    const { bootFile: script = '' } = await discover({ architecture: 7, ipxe: true })
    await (await fetch(script)).text()
    await expect.poll(() => stages.at(-1)?.outcome).toBe('complete')
    const told = JSON.stringify(stages)
    for (const secret of [ticket().token, 's3cret', ramdisk.kernel]) expect(told).not.toContain(secret)
  })

  it('serve files under URLs that nobody can guess, until they are taken back', async () => {
    const { services, folder, stages } = await rig()
    const path = join(folder, 'image')
    writeFileSync(path, 'the image')
    const first = services.serveFile(path, { node: 'node-1' })
    const second = services.serveFile(path)
    expect(first).not.toBe(second)
    expect(new URL(first).pathname).toMatch(/^\/[A-Za-z0-9_-]{24}\/image$/)
    expect(await (await fetch(first, { headers: { Range: 'bytes=4-' } })).text()).toBe('image')
    services.withdrawFile(first)
    services.withdrawFile('http://elsewhere/x')
    expect([(await fetch(first)).status, (await fetch(second)).status]).toEqual([404, 200])
    expect(services.serveFile(path, { node: 'node-1' }, first)).toBe(first)
    expect((await fetch(first)).status).toBe(200)
    for (const elsewhere of [
      'http://10.0.0.9:8088/aaaaaaaaaaaaaaaaaaaaaaaa/image',
      `${new URL(first).origin}/local/boot.ipxe`,
    ])
      expect(services.serveFile(path, { node: 'node-1' }, elsewhere)).not.toBe(elsewhere)
    await expect.poll(() => stages.map(({ stage, outcome }) => [stage, outcome])).toContainEqual(['image', 'complete'])
  })

  it('replace a node’s ticket, and refuse one that takes another node’s MAC or token', async () => {
    const { services, ramdisk, discover, origin } = await rig()
    services.admit(ticket({ ramdisk }))
    const next = ticket({ ramdisk, token: 'the-second-token-of-this-node' })
    services.admit(next)
    expect((await discover({ architecture: 7 })).bootFile).toBe(`${next.token}/snponly.efi`)
    expect((await fetch(`${origin}/${ticket().token}/boot.ipxe`)).status).toBe(404)
    expect(() => services.admit(ticket({ node: 'node-2' }))).toThrow('node-1')
    expect(() => services.admit({ ...next, node: 'node-2', macs: ['52:54:00:00:00:02'] })).toThrow('token')
    const { address: _, ...without } = ticket({ node: 'node-3', macs: ['52:54:00:00:00:03'], token: 't'.repeat(30) })
    expect(() => services.admit(without)).toThrow(TicketError)
    expect((await discover({ architecture: 7 })).bootFile).toBe(`${next.token}/snponly.efi`)
  })

  it('go on with admitted tickets after a restart', async () => {
    const { services, ramdisk } = await rig()
    services.admit(ticket({ ramdisk }))
    const { tftp, http } = services.ports
    await services.close()
    const ports = { dhcp: 0, tftp, http }
    await services.start({ address: '127.0.0.1', mode: 'reservations', ports, loaders: LOADERS })
    expect((await fetch(`http://127.0.0.1:${http}/${ticket().token}/boot.ipxe`)).status).toBe(200)
  })

  it('that cannot have one of their ports hold none of the others', async () => {
    const { services } = await rig()
    const other = new BootServices({ onStage: () => {} })
    const ports = { dhcp: 0, tftp: services.ports.tftp, http: 0 }
    const config = { address: '127.0.0.1', mode: 'reservations', ports, loaders: {} } as const
    await expect(other.start(config)).rejects.toThrow('EADDRINUSE')
    expect(() => other.ports).toThrow('not started')
    await other.start({ ...config, ports: { ...ports, tftp: 0 } })
    await other.close()
  })
})
