// What driver_info may name: files of folders that the site's configuration lists, and nothing else of this host.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { ansibleInfoOf } from './info.ts'

const place = mkdtempSync(join(tmpdir(), 'ferrule-playbooks-'))
const [folder, programs] = [join(place, 'books'), join(place, 'bin')]
for (const each of [folder, programs]) mkdirSync(each)
writeFileSync(join(folder, 'deploy.yaml'), '')
mkdirSync(join(folder, 'roles'))
writeFileSync(join(place, 'secret.yaml'), '')
symlinkSync('../secret.yaml', join(folder, 'link.yaml'))
for (const name of ['ansible-playbook', 'ssh', 'ssh-keygen', 'setpriv', 'unshare']) {
  writeFileSync(join(programs, name), '')
  chmodSync(join(programs, name), 0o755)
}
afterAll(() => rmSync(place, { recursive: true }))

const of = (driverInfo: object, ansible: object | undefined = {}) =>
  ansibleInfoOf({
    driverInfo,
    site: { ansible: ansible && { playbooks: [folder], runs: place, path: programs, ...ansible } },
  } as never)

test('what is not said is as the conductor has it', () => {
  const own = { clean: undefined, cleanSteps: undefined, shutdown: undefined, keyFile: undefined, python: undefined }
  expect(of({})).toEqual({ deploy: join(folder, 'deploy.yaml'), folder, ...own })
  expect(of({}, { playbooks: [] }).deploy).toMatch(/ansible\/playbooks\/deploy\.yaml$/)
})

test.each([
  [{ ansible_deploy_playbook: '../secret.yaml' }, 'without its folder'],
  [{ ansible_deploy_playbook: '/etc/passwd' }, 'without its folder'],
  [{ ansible_deploy_playbook: '-e@x' }, 'without its folder'],
  [{ ansible_deploy_playbook: 'link.yaml' }, 'there is no file link.yaml'],
  [{ ansible_deploy_playbook: 'roles' }, 'there is no file roles'],
  [{ ansible_key_file: 'id_rsa' }, 'there is no file id_rsa'],
  [{ ansible_playbooks_path: '/etc' }, 'no folder that may be named'],
  [{ ansible_playbooks_path: 'x/../etc' }, 'no folder that may be named'],
])('%j is refused', (driverInfo, why) => expect(() => of(driverInfo)).toThrow(why))

test('a conductor without Ansible says what to install', () => {
  rmSync(join(programs, 'ansible-playbook'))
  expect(() => of({})).toThrow('this conductor has no ansible-playbook')
  expect(() => ansibleInfoOf({ driverInfo: {}, site: {} } as never)).toThrow('this conductor runs no playbooks')
})
