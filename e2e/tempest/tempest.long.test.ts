// Ironic's own API tests, those of ironic-tempest-plugin as Debian packages it, against a site of fake hardware.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startStory } from '../story.ts'
import { startKeystone } from './keystone.ts'

/** What is not asked, and why. */
const LEFT_OUT = {
  'test_delete_volume_(connector|target)_error':
    'wants volumes kept while the machine is on; in "enroll" the node may be deleted, and its volumes with it',
  test_get_console: 'asks /v1/nodes/states/console/{id}, a path that no document has',
  'TestNodesTraitsOldApi.test_(list|add|set)':
    'wants 406 and 405 for a path that is newer than its microversion, which is 404',
  'TestPortGroups.test_update_portgroup_add': 'changes properties (1.26) with 1.23, which is 406',
}

const ACCOUNTS = `
- {username: admin, project_name: admin, password: x, domain_name: Default, roles: [admin], types: [admin]}
- {username: system1, system: all, password: x, user_domain_name: Default, roles: [admin], types: [admin]}
- {username: system2, system: all, password: x, user_domain_name: Default, roles: [admin], types: [admin]}
`
const configuration = (folder: string, keystone: string) => `
[DEFAULT]
log_file = ${folder}/tempest.log
[oslo_concurrency]
lock_path = ${folder}
[auth]
use_dynamic_credentials = false
test_accounts_file = ${folder}/accounts.yaml
[identity]
uri_v3 = ${keystone}
auth_version = v3
region = RegionOne
[identity-feature-enabled]
api_v2 = false
[service_available]
ironic = true
[baremetal]
driver = fake-hardware
min_microversion = 1.1
max_microversion = 1.82
enabled_hardware_types = fake-hardware
enabled_deploy_interfaces = fake,direct
enabled_rescue_interfaces = fake,no-rescue
default_rescue_interface = fake
`

test('the API tests of Ironic pass', { timeout: 900_000 }, async (context) => {
  const conductorConfig = { boot: false, drivers: ['fake-hardware'] }
  await using story = await startStory(context, { machines: 0, conductorConfig })
  const { folder, cloud } = story
  const keystone = await startKeystone(cloud.url, cloud.token)
  try {
    writeFileSync(join(folder, 'accounts.yaml'), ACCOUNTS)
    writeFileSync(join(folder, 'tempest.conf'), configuration(folder, keystone.url))
    const program = join(import.meta.dirname, 'run-tests.py')
    const child = spawn('/usr/bin/python3', [program, JSON.stringify(Object.keys(LEFT_OUT))], {
      cwd: folder,
      env: { PATH: process.env['PATH'], HOME: folder, TEMPEST_CONFIG_DIR: folder, TEMPEST_CONFIG: 'tempest.conf' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [out, error] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text) => (out += text))
    child.stderr.setEncoding('utf8').on('data', (text) => (error += text))
    await once(child, 'close')
    const lines = out.trim().split('\n')
    const ran = Number(lines.pop())
    const others = lines.map((line) => JSON.parse(line) as [name: string, outcome: string, why: string])
    expect([ran, others.filter(([, outcome]) => outcome !== 'skipped')], error.slice(-2000)).toEqual([expect.any(Number), []]) // prettier-ignore
    expect(ran).toBeGreaterThan(215)
  } finally {
    await keystone.close()
  }
})
