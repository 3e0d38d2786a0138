import { expect, it } from 'vitest'
import { agentNodeSchema } from '../shared/agent-protocol.ts'
import type { ContractCase } from './command-contract.ts'
import { describeCommand } from './command-contract.ts'
import { commands } from './command-list.ts'
import { listSteps, stepsWith } from './step-list.ts'
import { testNode } from './testing.ts'

const image_info = { id: 'i', urls: ['http://127.0.0.1:1/i'], disk_format: 'raw', checksum: 'a'.repeat(64) }
const step = (name: string, args?: object) => ({
  step: { step: name, ...(args && { args }) },
  node: testNode,
  ports: [],
})
const iqn = 'iqn.2008-10.org.openstack:node'
const chap = { username: 'deploy', secret: 'a secret of some length' }
const none: ContractCase = { good: {}, bad: [] }
const cases: Record<string, ContractCase> = {
  'poll.get_hardware_info': none,
  'inspection.collect': { good: { node: testNode, ports: [] }, bad: [{ node: 'x' }, { ports: 'x' }] },
  'deploy.get_deploy_steps': { good: { node: testNode, ports: [] }, bad: [{ node: 'x' }, { ports: 'x' }] },
  'clean.get_clean_steps': { good: { node: testNode, ports: [] }, bad: [{ node: 'x' }, { ports: 'x' }] },
  'deploy.execute_deploy_step': {
    good: step('write_image', { image_info }),
    bad: [{}, { step: {} }, { ...step('x'), ports: 'x' }],
  },
  'clean.execute_clean_step': { good: step('erase_devices_metadata'), bad: [{}, { step: {} }] },
  'service.get_service_steps': { good: { node: testNode, ports: [] }, bad: [{ node: 'x' }, { ports: 'x' }] },
  'service.execute_service_step': { good: step('apply_configuration'), bad: [{}, { step: {} }] },
  'standby.prepare_image': {
    good: { image_info, configdrive: null },
    bad: [{}, { image_info: { ...image_info, checksum: null } }],
  },
  'standby.execute_bootc_install': {
    good: { image_source: 'oci://registry.example:5000/os/small:1', pull_secret: null, instance_info: {} },
    // Another scheme, an option, a path of the ramdisk, nothing.
    bad: [
      ...[
        'docker://a/b',
        'oci://a',
        'oci://--rm/b',
        'oci://a/../b',
        'oci:///etc/passwd',
        'oci://a/b:1 --privileged',
      ].map((image_source) => ({ image_source })),
      {},
    ],
  },
  'iscsi.start_iscsi_target': {
    good: { iqn, chap, initiator: '192.0.2.1' },
    // The second would let anybody write.
    bad: [
      { chap },
      { iqn },
      { iqn, chap: { ...chap, secret: 'short' } },
      { iqn, chap, portal_port: 0 },
      { iqn: 'x', chap },
    ],
  },
  'iscsi.stop_iscsi_target': { good: { iqn }, bad: [{}] },
  'iscsi.digest': { good: { iqn, bytes: 1, algorithm: 'sha256' }, bad: [{ iqn, bytes: 1, algorithm: 'md5' }] },
  'iscsi.finish_disk': { good: { iqn }, bad: [{}] },
  'ssh.start_server': {
    good: { authorized_key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB' },
    // Options, a second line, a comment with a command's end.
    bad: [
      {},
      { authorized_key: 'command="sh" ssh-ed25519 AAAA' },
      { authorized_key: 'ssh-ed25519 AAAA\nssh-ed25519 BBBB' },
      { authorized_key: 'ssh-ed25519 AAAA a b' },
    ],
  },
  'ssh.stop_server': { good: { written: true }, bad: [{ written: 'yes' }] },
  'standby.get_partition_uuids': none,
  'image.install_bootloader': { good: { root_uuid: null, target_boot_mode: 'uefi' }, bad: [{ target_boot_mode: 'x' }] },
  'standby.power_off': none,
  'standby.run_image': none,
  'standby.sync': none,
  'rescue.finalize_rescue': {
    good: { rescue_password: '$6$salt$hash', hashed: true },
    // Plain text, a second user, a command's own end of line.
    bad: [
      {},
      { rescue_password: 'plain', hashed: false },
      { rescue_password: '$6$s$h:0:\nroot::', hashed: true },
      { rescue_password: '$6$s$h\n', hashed: true },
    ],
  },
  'log.collect_system_logs': none,
}

for (const command of commands) describeCommand(command, cases[command.name]!)

it('every command has a case above, and no name is there twice', () => {
  expect(commands.map((command) => command.name).sort()).toEqual(Object.keys(cases).sort())
})

it('steps are listed as Ironic lists them, and say which arguments they want', () => {
  const listed = listSteps('deploy', stepsWith([]))['FerruleHardwareManager']!
  expect(listed.map(({ step, interface: where, priority }) => [step, where, priority])).toEqual([
    ['write_image', 'deploy', 0],
    ['write_configdrive', 'deploy', 0],
    ['erase_devices_metadata', 'deploy', 0],
    ['clean_uefi_nvram', 'deploy', 0],
    ['inject_files', 'deploy', 0],
    ['execute_bootc_install', 'deploy', 0],
    ['apply_configuration', 'raid', 0],
  ])
  expect(listed[0]!.argsinfo).toMatchObject({ image_info: { required: true }, configdrive: { required: false } })
  const cleaning = listSteps('clean', stepsWith([]))['FerruleHardwareManager']!
  expect(cleaning.map(({ step, priority }) => [step, priority])).toEqual([
    ['erase_devices_metadata', 99],
    ['erase_devices', 10],
    ['erase_devices_express', 0],
    ['erase_pstore', 0],
    ['clean_uefi_nvram', 0],
    ...['burnin_cpu', 'burnin_memory', 'burnin_disk', 'burnin_network', 'burnin_gpu'].map((name) => [name, 0]),
    ['create_configuration', 0],
    ['delete_configuration', 0],
  ])
  expect(agentNodeSchema.parse(testNode)).toEqual(testNode)
})
