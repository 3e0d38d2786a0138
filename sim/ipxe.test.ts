import { describe, expect, it } from 'vitest'
import { localBootScript, ramdiskScript } from '../site-conductor/boot/script.ts'
import { volumeScript } from '../site-conductor/boot/volume-script.ts'
import { runScript, type ScriptEnd, type ScriptWorld } from './ipxe.ts'
import { type Login, StorageArray } from './storage-array.ts'

interface Seen {
  readonly end: ScriptEnd
  readonly echoed: string[]
  readonly loaded: string[]
}

async function run(
  text: string,
  load: (url: string) => Promise<number> = async () => 7,
  hook?: ScriptWorld['hook'],
): Promise<Seen> {
  const [echoed, loaded]: [string[], string[]] = [[], []]
  const world: ScriptWorld = {
    settings: { mac: '52:54:00:01:02:03', platform: 'efi' },
    echo: (line) => void echoed.push(line),
    signal: AbortSignal.timeout(10_000),
    ...(hook && { hook }),
    load(url) {
      loaded.push(url)
      return load(url)
    },
  }
  return { end: await runScript(text, world), echoed, loaded }
}

const lines = (...all: string[]) => ['#!ipxe', ...all].join('\n')
const urls = { kernel: 'http://10.0.0.1/t/kernel', ramdisk: 'http://10.0.0.1/t/ramdisk' }

describe('iPXE script', () => {
  it('of the conductor boots kernel and ramdisk with the arguments and the MAC', async () => {
    const { end, loaded } = await run(ramdiskScript(urls, 'ipa-api-url=https://10.0.0.1:6384 console=ttyS0'))
    expect(end).toEqual({
      kind: 'boot',
      kernel: expect.objectContaining({ name: 'kernel', url: urls.kernel, bytes: 7 }),
      initrds: [{ name: 'ramdisk', url: urls.ramdisk, bytes: 7 }],
      commandLine: 'ipa-api-url=https://10.0.0.1:6384 console=ttyS0 initrd=ramdisk BOOTIF=52:54:00:01:02:03',
    })
    expect(loaded).toEqual([urls.kernel, urls.ramdisk])
  })

  it('of the conductor tries a failed download again', async () => {
    let tries = 0
    const { end, echoed } = await run(ramdiskScript(urls, ''), async () => {
      if (++tries === 1) throw new Error('connection refused')
      return 1
    })
    expect(end.kind).toBe('boot')
    expect(echoed).toContain('Ferrule: that failed, next attempt in 1 s')
    expect(echoed).toContain('Ferrule: loading the deploy ramdisk, attempt 2')
  })

  it('of the conductor leaves the network when there is nothing to deploy', async () => {
    expect((await run(localBootScript())).end).toEqual({ kind: 'local' })
  })

  it('of the conductor hooks the volumes with their secrets, and boots the first', async () => {
    const array = new StorageArray()
    const volume = { iqn: 'iqn.x', lun: 10, system: 'a system', initiator: 'iqn.me' }
    array.volumes.push(
      { ...volume, chap: { username: 'u', password: 'p $x' } },
      { ...volume, iqn: 'iqn.y', system: '' },
    )
    const path = { host: array.host, port: 3260, lun: 10 }
    const text = (password: string, ...first: object[]) =>
      volumeScript({
        initiatorIqn: 'iqn.me',
        volumes: [
          {
            paths: [...first, path].map((each) => ({ ...path, iqn: 'iqn.x', ...each })),
            chap: { username: 'u', password },
          },
          { paths: [{ ...path, iqn: 'iqn.y' }] },
        ],
      })
    const hook = (login: Login) => array.login(login).system
    const gone = run(text('p $x', { host: 'other.sim' }), undefined, hook)
    expect(await gone).toMatchObject({ end: { kind: 'san', system: 'a system' } })
    expect(array.logins.map(({ iqn }) => iqn)).toEqual(['iqn.x', 'iqn.y'])
    const denied = await run(text('wrong').replace('goto again', 'reboot').replace('sleep 10', ''), undefined, hook)
    expect(denied).toMatchObject({
      end: { kind: 'reboot' },
      echoed: expect.arrayContaining([expect.stringContaining('Operation not permitted')]) as string[],
    })
  })

  it('goes on after && when a command succeeded and after || when it failed', async () => {
    const { end, echoed } = await run(
      lines(
        'iseq a a && echo same',
        'iseq a b || echo other',
        'iseq a b && echo never ||',
        'iseq a a || echo never',
        'exit',
      ),
    )
    expect([end.kind, echoed]).toEqual(['local', ['same', 'other']])
  })

  it('ends at a line that fails, and at a command that it does not know', async () => {
    expect((await run(lines('iseq a b', 'echo never'))).end).toEqual({ kind: 'failed', why: 'iseq a b' })
    expect((await run(lines('frobnicate'))).end.kind).toBe('failed')
    expect((await run(lines('goto nowhere'))).end.kind).toBe('failed')
    expect((await run('echo hello')).end).toEqual({ kind: 'failed', why: 'not an iPXE script' })
  })

  it('expands settings, counts and jumps', async () => {
    const { end, echoed } = await run(
      lines(
        'set n:int32 1',
        ':again',
        'inc n',
        'echo ${n} ${net0/mac} # a comment',
        'iseq ${n} 3 || goto again',
        'poweroff',
      ),
    )
    expect(echoed).toEqual(['2 52:54:00:01:02:03', '3 52:54:00:01:02:03'])
    expect(end).toEqual({ kind: 'poweroff' })
  })

  it('that never ends is ended', async () => {
    expect((await run(lines(':a', 'goto a'))).end.kind).toBe('failed')
  })
})
