import { expect, it } from 'vitest'
import { wrongArguments } from './step-arguments.ts'

const inject = (...files: unknown[]) => wrongArguments('deploy.inject_files', { files })

it.each([
  ['base64 text', { path: '/etc/motd', content: 'aGVsbG8=' }],
  ['an empty file', { path: '/etc/motd', content: '' }],
  ['a URL where Ironic has it', { path: '/etc/motd', content: 'https://files.example/{node[uuid]}' }],
  [
    'a URL of its own, and all about the file',
    { path: '/root/.ssh/authorized_keys', url: 'http://192.0.2.1/k', mode: 384, dirmode: 448, owner: 0, group: -1 },
  ],
  ['a file in the root folder of a partition', { path: '/grub.cfg', content: '', partition: 1 }],
  ['a partition as a text', { path: '/grub.cfg', content: '', partition: '15' }],
  ['a device', { path: '/x', deleted: true, partition: '/dev/nvme0n1p2' }],
])('a file to inject: %s', (_, file) => {
  expect(inject(file)).toBeUndefined()
})

it.each([
  ['no path', { content: '' }, 'path'],
  ['a relative path', { path: 'etc/motd', content: '' }, 'absolute'],
  ['a path that leads upwards', { path: '/etc/../../shadow', content: '' }, 'upwards'],
  ['a folder', { path: '/etc/', content: '' }, 'folder'],
  ['a NUL in the path', { path: '/etc/a\0b', content: '' }, 'absolute'],
  ['the root folder of nobody knows what', { path: '/motd', content: '' }, 'needs its partition'],
  ['neither content nor deletion', { path: '/etc/motd' }, 'needs content or url, or deleted'],
  ['content of what is deleted', { path: '/etc/motd', content: 'eA==', deleted: true }, 'no more than one'],
  ['content twice', { path: '/etc/motd', content: 'eA==', url: 'http://a/b' }, 'no more than one'],
  ['a text that is no base64', { path: '/etc/motd', content: 'hello world!' }, 'base64'],
  ['a file of the agent’s own', { path: '/etc/motd', url: 'file:///etc/shadow' }, 'http'],
  ['a mode in words', { path: '/etc/motd', content: '', mode: '0644' }, 'mode'],
  ['a mode that there is not', { path: '/etc/motd', content: '', mode: 0o17777 }, 'mode'],
  ['an owner by name', { path: '/etc/motd', content: '', owner: 'root' }, 'owner'],
  ['a device that leads elsewhere', { path: '/etc/motd', content: '', partition: '/dev/../etc' }, 'partition'],
  ['a field that nobody knows', { path: '/etc/motd', content: '', sticky: true }, 'sticky'],
])('a file that cannot be injected: %s', (_, file, words) => {
  expect(inject(file)).toContain(words)
})

it('lists that are none, and too long ones', () => {
  expect(wrongArguments('deploy.inject_files', { files: {} })).toContain('files')
  expect(inject(...Array.from({ length: 101 }, () => ({ path: '/a/b', content: '' })))).toContain('files')
})

it('patterns of boot entries are regular expressions', () => {
  const clean = (match_patterns: unknown) => wrongArguments('deploy.clean_uefi_nvram', { match_patterns })
  expect(clean(['^HD\\(', 'shim'])).toBeUndefined()
  expect(clean(['^HD('])).toContain('no regular expression')
  expect(clean('^HD')).toContain('match_patterns')
  expect(clean([])).toContain('match_patterns')
})

it.each([
  [
    'images',
    'update_firmware',
    { firmware_images: [{ url: 'https://f/bios.bin', checksum: 'a'.repeat(64), wait: 30 }] },
    undefined,
  ],
  ['no images', 'update_firmware', { firmware_images: [] }, 'firmware_images'],
  ['a file of the BMC’s own', 'update_firmware', { firmware_images: [{ url: 'file:///etc/passwd' }] }, 'http'],
  [
    'an image that is to be fetched by somebody else',
    'update_firmware',
    { firmware_images: [{ url: 'http://f/b', source: 'swift' }] },
    'source',
  ],
  [
    'a time',
    'set_bmc_clock',
    { target_datetime: '2026-11-26T08:00:00+01:00', datetime_local_offset: '-05:00' },
    undefined,
  ],
  ['no time', 'set_bmc_clock', {}, undefined],
  ['a time of nowhere', 'set_bmc_clock', { target_datetime: '2026-11-26T08:00:00' }, 'ISO 8601'],
  ['an offset that there is not', 'set_bmc_clock', { datetime_local_offset: '+25:00' }, 'datetime_local_offset'],
])('a BMC: %s', (_, step, args, words) => {
  const why = wrongArguments(`management.${step}`, args)
  if (words === undefined) expect(why).toBeUndefined()
  else expect(why).toContain(words)
})

it('of a step that nothing is known of, anything goes', () => {
  expect(wrongArguments('deploy.write_os', { files: 5 })).toBeUndefined()
})
