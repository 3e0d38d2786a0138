// What a hostile ramdisk answers would otherwise be run on the conductor, by Ansible.
import { expect, test } from 'vitest'
import { FaultError } from '../../../shared/faults.ts'
import { openedAt } from './opened.ts'

const URL_OF_AGENT = 'https://10.0.0.5:9999'
const ANSWER = {
  port: 22,
  host_key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9f',
  root_device: '/dev/disk/by-path/pci-0000:00:1f.2-ata-1',
  root_device_bytes: 4 * 2 ** 40,
}

test('an agent tells its port, its host key and its root disk', () => {
  expect(openedAt(URL_OF_AGENT, ANSWER)).toEqual({ ...ANSWER, address: '10.0.0.5' })
  expect(openedAt('https://[fd00::5]:9999', ANSWER)).toMatchObject({ address: 'fd00::5' })
})

test('an agent that answers with words for Ansible is not believed', () => {
  const hostile = [
    { port: '22 ansible_connection=local' },
    { port: '22\nconductor ansible_host=10.0.0.1' },
    { port: 70_000 },
    { host_key: 'ssh-ed25519 AAAA\n10.0.0.9 ssh-ed25519 BBBB' },
    { root_device: "{{ lookup('pipe', 'touch /tmp/taken') }}" },
    { root_device: '/dev/sda{% for x in [] %}{% endfor %}' },
    { root_device: '/dev/sda\n/dev/sdb' },
    { root_device: 'sda' },
    { root_device_bytes: "{{ lookup('pipe', 'id') }}" },
    { root_device_bytes: undefined },
  ]
  for (const part of hostile)
    expect(() => openedAt(URL_OF_AGENT, { ...ANSWER, ...part }), JSON.stringify(part)).toThrow(FaultError)
  expect(() => openedAt(URL_OF_AGENT, undefined)).toThrow(FaultError)
})

test('an agent that is called at what is no plain name or address is not logged in to', () => {
  for (const host of ["{{lookup('pipe','id')}}", '-oproxycommand=id', 'a=b'])
    expect(() => openedAt(`https://${host}:9999`, ANSWER), host).toThrow(FaultError)
})
