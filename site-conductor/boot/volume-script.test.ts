import { expect, test } from 'vitest'
import { iscsiUrl, type SanVolume, volumeScript } from './volume-script.ts'

const path = { host: '10.0.0.9', port: 3260, iqn: 'iqn.2026-01.org.example:v-1', lun: 10 }
const URL = 'iscsi:10.0.0.9::3260:a:iqn.2026-01.org.example:v-1'

test('each volume becomes a drive, over all its paths, and the first is booted, again and again until it works', () => {
  const volumes: SanVolume[] = [
    { paths: [path, { ...path, host: 'fe80::1' }], chap: { username: 'me', password: 'a $b#' } },
    { paths: [{ ...path, lun: 0 }] },
  ]
  expect(volumeScript({ initiatorIqn: 'iqn.2026-01.org.example:node-1', volumes }).split('\n')).toEqual([
    '#!ipxe',
    'set initiator-iqn iqn.2026-01.org.example:node-1',
    ':again',
    "echo Ferrule: booting this machine's volume",
    'set username:hex 6d:65',
    'set password:hex 61:20:24:62:23',
    `sanhook --drive 0x80 ${URL} ${URL.replace('10.0.0.9', '[fe80::1]')} || goto failed`,
    'clear username ||',
    'clear password ||',
    `sanhook --drive 0x81 ${URL.replace(':a:', ':0:')} || goto failed`,
    'sanboot --no-describe --drive 0x80 || goto failed',
    ':failed',
    'sanunhook --drive 0x80 ||',
    'sanunhook --drive 0x81 ||',
    'echo Ferrule: that failed, next attempt in 10 s',
    'sleep 10',
    'goto again',
    '',
  ])
})

test.each([
  [{ host: '10.0.0.9 || shell' }, 'not a host'],
  [{ host: 'a\nshell' }, 'not a host'],
  [{ host: '${mac}' }, 'not a host'],
  [{ host: '' }, 'not a host'],
  [{ port: 0 }, 'not a port'],
  [{ port: 65_536 }, 'not a port'],
  [{ lun: -1 }, 'not a LUN'],
  [{ lun: 1.5 }, 'not a LUN'],
  [{ lun: 0x4000 }, 'not a LUN'],
  [{ iqn: 'iqn.x\nshell' }, 'not a name of iSCSI'],
  [{ iqn: 'iqn.x y' }, 'not a name of iSCSI'],
  [{ iqn: 'iqn.${x}' }, 'not a name of iSCSI'],
  [{ iqn: 'disk-1' }, 'not a name of iSCSI'],
  [{ iqn: `iqn.${'x'.repeat(220)}` }, 'not a name of iSCSI'],
])('%j is no way to a volume', (wrong, why) => {
  expect(() => iscsiUrl({ ...path, ...wrong })).toThrow(why)
})

test('nothing of a secret is said when it cannot be one', () => {
  const volume = (password: string) => ({ paths: [path], chap: { username: 'u', password } })
  expect(() => volumeScript({ volumes: [volume('s'.repeat(256))] })).toThrow(
    /^a CHAP name or secret has 1 to 255 bytes$/,
  )
  expect(() => volumeScript({ volumes: [volume('')] })).toThrow('1 to 255')
  expect(() => volumeScript({ volumes: [] })).toThrow('0 volumes')
})
