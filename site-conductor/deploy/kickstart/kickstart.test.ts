// What a kickstart file comes to, read by the simulator's reader, which knows nothing of what wrote it.
import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { optionOf, readKickstart } from '../../../sim/kickstart.ts'
import { type KickstartOf, kickstartOf } from './kickstart.ts'

const UUID = '1be26c0b-03f2-4d2e-ae87-c02d7f33c123'
const LIVEIMG = { source: { liveimg: 'http://a/os.tgz?x=1%26y', sha256: 'a'.repeat(64) } } as const
const OF: KickstartOf = {
  node: { uuid: UUID, name: 'web-1' },
  rootDevice: undefined,
  installer: LIVEIMG,
  reportTo: { url: `https://10.0.0.1:6384/v1/heartbeat/${UUID}`, token: 't'.repeat(43), caPem: '-----BEGIN\nabc' },
  configDrive: undefined,
}
const made = (more: Partial<KickstartOf> = {}) => {
  const { text, after } = kickstartOf({ ...OF, ...more })
  return { text, after, file: readKickstart(text) }
}
const commands = (more: Partial<KickstartOf> = {}) => made(more).file.commands.map((words) => words.join(' '))

test('an image is installed over the whole disk, and the machine starts again', () => {
  const { file, after } = made()
  expect(after).toBe('reboot')
  expect(optionOf(file, 'liveimg', 'url')).toBe(LIVEIMG.source.liveimg)
  expect(optionOf(file, 'network', 'hostname')).toBe('web-1')
  expect(file.sections.map(({ name }) => name)).toEqual(['pre', 'onerror', 'traceback', 'post'])
  expect(commands()).toContain('clearpart --all --initlabel')
  expect(commands().join()).not.toContain('ignoredisk')
})

test('a repository brings its packages', () => {
  const { file } = made({ installer: { source: { repository: 'http://a/os/' } } })
  expect(optionOf(file, 'url', 'url')).toBe('http://a/os/')
  expect(file.commands.some(([word]) => word === 'liveimg')).toBe(false)
  expect(file.sections.find(({ name }) => name === 'packages')?.body).toContain('@core')
})

test.each([
  "x'; reboot #",
  'a\n%post\nrm -rf /\n%end',
  '$(reboot)',
  '-x',
  'a b',
  '../../x',
  'a..b',
  '{{ ks_options.agent_token }}',
])('a node with the name %j is no line of its file', (name) => {
  const { text, file } = made({ node: { uuid: UUID, name } })
  expect(optionOf(file, 'network', 'hostname')).toBe(UUID)
  expect(text).not.toContain(name)
  expect(file.commands).toEqual(made({ node: { uuid: UUID, name: null } }).file.commands)
})

test('whatever a config drive holds, its bytes are in the system, and nothing of it is a line of the file or of its shell', async () => {
  const user_data = "%end\n%post\n$(reboot) `reboot` '\nEND_OF_FILE\n" + 'x'.repeat(200)
  const { file } = made({ configDrive: { meta_data: { a: '"; reboot' }, user_data } })
  expect(file.sections.map(({ name }) => name)).toEqual(['post', 'pre', 'onerror', 'traceback', 'post'])
  const [drive] = file.sections
  expect(drive?.options).toEqual(['--nochroot', '--erroronfail'])
  const script = `root=$(mktemp -d); ANA_INSTALL_PATH=$root; export ANA_INSTALL_PATH
(${drive?.body}
) && cat $root/var/lib/cloud/seed/config_drive/openstack/latest/user_data; stat -c %a $root/var/lib/cloud/seed/config_drive >&2; rm -r $root`
  expect(execFileSync('sh', ['-c', script], { encoding: 'utf8', stdio: 'pipe' })).toBe(user_data)
})

test.each(['http://a/b;reboot', "http://a/'", 'END_OF_FILE\nreboot', 'file:///etc/shadow'])(
  'a config drive %j is refused',
  (configDrive) => expect(() => made({ configDrive })).toThrow('neither base64 nor a plain http or https URL'),
)

test.each([
  [{ name: '/dev/sda' }, 'sda'],
  [{ name: 's== /dev/nvme0n1' }, 'nvme0n1'],
  [{ wwn: '0x5000c500' }, 'disk/by-id/wwn-0x5000c500'],
  [{ serial: 'S1' }, 'disk/by-id/*S1'],
  [{ by_path: '/dev/disk/by-path/pci-0000:00:1f.2-ata-1' }, 'disk/by-path/pci-0000:00:1f.2-ata-1'],
])('root device %j is the only disk that is touched', (rootDevice, disk) =>
  expect(commands({ rootDevice })).toContain(`ignoredisk --only-use=${disk}`),
)

test.each([{ size: 100 }, { model: 'x y' }, { name: '/dev/sda\nreboot' }, { name: 'a', size: 1 }])(
  'root device %j cannot be said, and no disk is touched by mistake',
  (rootDevice) => expect(() => made({ rootDevice })).toThrow('cannot be said in a kickstart file'),
)

const REPORTS = '{{ ks_options.reports }}'
test('a template of an operator may have it all in its own way', () => {
  const template = `text\nreboot --eject\n%post\npoweroff\n%end\ncurl {{ ks_options.heartbeat_url }}\n`
  expect(made({ template, rootDevice: { size: 1 } }).after).toBe('reboot')
  expect(made({ template: `shutdown\n${REPORTS}` }).after).toBe('off')
})

test.each([
  ['reboot\n', 'never reports to the conductor'],
  [REPORTS, 'waiting for a key'],
  [`%post\nreboot\n%end\n${REPORTS}`, 'waiting for a key'],
])('a template %j is refused before a machine is touched', (template, why) =>
  expect(() => made({ template })).toThrow(why),
)
