// The deploy interface `ansible`: real ansible-playbook and OpenSSH against a real dropbear, which the agent of a simulated machine starts. It is root who logs in,
// so that it takes root here.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, type TestContext } from 'vitest'
import { startStory, type Story, type StoryOptions } from './story.ts'

const SSH_PORT = 2222

async function withAnsible(context: TestContext, options: StoryOptions = {}, playbooks: Record<string, string> = {}) {
  expect(process.getuid?.(), 'these tests log in as root of a machine that is this host').toBe(0)
  const names = Object.entries(playbooks)
  const folder = execFileSync('mktemp', ['-d', '/tmp/ferrule-playbooks-XXXXXX'], { encoding: 'utf8' }).trim()
  for (const [name, text] of names) await writeFile(join(folder, name), text)
  context.onTestFinished(() => void execFileSync('rm', ['-r', folder]))
  const conductorConfig = names.length > 0 ? { ansiblePlaybooks: [folder] } : {}
  const story = await startStory(context, { sshPort: SSH_PORT, patienceMs: 50_000, conductorConfig, ...options })
  const { api, node, site } = story
  await api.patchNode(node, {
    automated_clean: false,
    deploy_interface: 'ansible',
    instance_info: site.instanceInfo(),
  })
  return Object.assign(story, { playbooks: folder })
}

const tasksOf = async ({ api, node }: Story) =>
  (await api.timeline(node)).filter(({ type }) => type === 'ansible.task').map(({ body }) => body['task'])

/** How often the playbook that stands still was heard of. */
const runsOf = async (story: Story) => (await tasksOf(story)).filter((task) => task === 'Write half').length

/** Processes with the text in their command line. */
const running = (text: string) =>
  execFileSync('sh', ['-c', 'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " "'], { encoding: 'utf8' }).includes(text)

test('a playbook writes the image by SSH, its tasks are on the timeline, and nothing of it is left', async (context) => {
  await using story = await withAnsible(context)
  const { api, node, site, machine, reach, until } = story
  await story.prepare()
  await api.provision(node, 'active', { configdrive: { meta_data: { hostname: 'by-ansible' } } })
  await reach('active')
  await until('system', () => machine.console().includes('FERRULE-OS-UP host=by-ansible'))
  expect(await tasksOf(story)).toEqual(['Look whether the image fits', 'Fetch the image onto the disk', 'Read it back'])
  expect(site.images.downloads('sim.raw'), 'by the conductor').toBe(1)
  expect(running(machine.options.folder), 'no SSH server, no login').toBe(false)
  expect(await readdir(join(machine.options.folder, 'ssh-home/.ssh'))).toEqual([])
})

/** A playbook that stands still in the middle, on the machine, until a file is there. */
const STANDS = `
- hosts: machines
  gather_facts: false
  tasks:
    - name: Write half
      raw: echo half > {{ ironic.root_device.path }}.half; while [ ! -e {{ ironic.root_device.path }}.go ]; do sleep 0.1; done
- import_playbook: own.yaml
`
const OWN = await readFile(join(import.meta.dirname, '../site-conductor/deploy/ansible/playbooks/deploy.yaml'), 'utf8')

test('a conductor that is killed takes its playbook with it, and begins it anew when it is back', async (context) => {
  await using story = await withAnsible(context, { conductor: 'process' }, { 'deploy.yaml': STANDS, 'own.yaml': OWN })
  const { api, node, site, machine, reach, until } = story
  await story.prepare()
  await api.provision(node, 'active')
  const half = `${machine.disk.path}.half`
  await until('the first half', () => readFile(half, 'utf8').catch(() => undefined))
  await until('its report', async () => (await runsOf(story)) === 1)
  const inventory = join(site.conductor.dataDir, 'ansible', node, 'inventory')
  expect(running(inventory)).toBe(true)
  await site.conductor.kill()
  await until('the end of the playbook', () => !running(inventory))
  await site.conductor.start()
  await until('another run', async () => (await runsOf(story)) === 2)
  await writeFile(`${machine.disk.path}.go`, '')
  await reach('active')
  await until('system', () => machine.console().includes('FERRULE-OS-UP'))
  expect(running(`${machine.disk.path}.go`), 'nobody of the first run waits any more').toBe(false)
})

test('a conductor that takes over ends what the first one began on the machine, and begins the playbook anew', async (context) => {
  await using story = await withAnsible(
    context,
    { leaseMs: 3_000, conductor: 'process' },
    { 'deploy.yaml': STANDS, 'own.yaml': OWN },
  )
  const { api, node, site, machine, reach, until } = story
  const conductors = [site.conductor, await site.join({ ansiblePlaybooks: [story.playbooks] }, 'process')]
  await story.prepare()
  await api.provision(node, 'active')
  await until('the first half', () => readFile(`${machine.disk.path}.half`, 'utf8').catch(() => undefined))
  await until('its report', async () => (await runsOf(story)) === 1)
  const { conductor: owner } = await api.node(node)
  const waiting = () =>
    spawnSync('pgrep', ['-f', `${machine.disk.path}.go`], { encoding: 'utf8' })
      .stdout.split('\n')
      .filter(Boolean)
  const first = waiting()
  const dead = conductors.find(({ hostname }) => hostname === owner)!
  await dead.kill()
  await until('another run', async () => (await runsOf(story)) === 2)
  expect(first).not.toEqual([])
  expect(
    waiting().filter((pid) => first.includes(pid)),
    'of the first run',
  ).toEqual([])
  await writeFile(`${machine.disk.path}.go`, '')
  await reach('active')
  const left = conductors.map(({ dataDir }) => join(dataDir, 'ansible', node))
  expect(left.filter(existsSync), 'of the run that was killed').toEqual([join(dead.dataDir, 'ansible', node)])
  await dead.start()
  await until('the end of what was left', () => !left.some(existsSync))
})

test('a task that fails says which it is, and what the machine said', async (context) => {
  const deploy = `
- hosts: machines
  gather_facts: false
  tasks:
    - name: Look for the impossible
      raw: echo "no such thing as {{ ironic.image.digest[:4] }}" >&2; exit 7
`
  await using story = await withAnsible(context, {}, { 'deploy.yaml': deploy })
  await story.prepare()
  await story.api.provision(story.node, 'active')
  const { last_error: error } = await story.fail('deploy failed')
  expect(error).toContain('Look for the impossible')
  expect(error).toContain(`no such thing as ${story.site.image.sha256.slice(0, 4)}`)
  expect(running(story.machine.options.folder), 'the door is shut').toBe(false)
  const { dataDir } = story.site.conductor
  expect(existsSync(join(dataDir, 'ansible', story.node)), "the key and the playbook's variables are gone").toBe(false)
})

test('an image with another digest is not fetched onto a disk, and a disk that lies is found out', async (context) => {
  const spoiling = OWN.replace(
    'conv=notrunc,fsync 2>/dev/null',
    '$&; echo spoilt | dd of={{ disk }} bs=1M seek=1 conv=notrunc 2>/dev/null',
  )
  expect(spoiling).not.toBe(OWN)
  await using story = await withAnsible(context, {}, { 'deploy.yaml': spoiling })
  const { api, node, site } = story
  await api.patchNode(node, { instance_info: { ...site.instanceInfo(), image_os_hash_value: 'f'.repeat(64) } })
  await story.prepare()
  await api.provision(node, 'active')
  expect((await story.fail('deploy failed')).last_error).toMatch(/sha256/)
  expect(await tasksOf(story)).toEqual([])
  await api.patchNode(node, { instance_info: site.instanceInfo() })
  await api.provision(node, 'active')
  await story.until('second failure', async () =>
    (await api.node(node)).last_error?.includes('does not hold what was to be written'),
  )
})

test('cleaning and shutting down by playbooks of the operator, by tags', async (context) => {
  const says = (name: string, tag: string, what: string) =>
    `    - name: ${name}\n      tags: [${tag}]\n      raw: ${what}\n`
  const play = '- hosts: all:!conductor\n  gather_facts: false\n  tasks:\n'
  await using story = await withAnsible(
    context,
    {},
    {
      'deploy.yaml': OWN,
      'clean.yaml': play + says('Zap', 'zap', 'echo zapped') + says('Shred', 'shred', 'exit 1'),
      'steps.yaml': '- name: erase_devices_metadata\n  interface: deploy\n  args:\n    tags:\n      value: [zap]\n',
      'off.yaml': play + says('Say goodbye', 'always', 'echo bye'),
    },
  )
  const { api, node, machine, site, reach } = story
  const driver_info = {
    ...site.driverInfo(machine),
    ...{ ansible_clean_playbook: 'clean.yaml', ansible_clean_steps_config: 'steps.yaml' },
    ansible_shutdown_playbook: 'off.yaml',
  }
  await api.patchNode(node, { driver_info })
  await api.provision(node, 'manage')
  await reach('manageable')
  const clean_steps = [{ interface: 'deploy', step: 'erase_devices_metadata' }]
  await api.provision(node, 'clean', { clean_steps })
  await reach('manageable')
  expect(await tasksOf(story)).toEqual(['Zap', 'Say goodbye'])
})

test.for([
  [{ ansible_deploy_playbook: '../../../etc/passwd' }, 'without its folder'],
  [{ ansible_deploy_playbook: 'nothing.yaml' }, 'there is no file nothing.yaml'],
  [{ ansible_playbooks_path: '/etc' }, 'no folder that may be named'],
  [{ ansible_username: 'root -o ProxyCommand=reboot' }, 'must be root'],
  [{ ansible_python_interpreter: '/usr/bin/python ansible_connection=local' }, 'must be an absolute path'],
] as const)('%j is refused before anything is done', async ([more, why], context) => {
  await using story = await withAnsible(context)
  const { api, node, site, machine } = story
  await api.patchNode(node, { driver_info: { ...site.driverInfo(machine), ...more } })
  await story.prepare()
  await expect(api.provision(node, 'active')).rejects.toThrow(why)
  expect(machine.transitions).toEqual([])
})
