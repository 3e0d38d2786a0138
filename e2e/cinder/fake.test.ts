// Our own fake Cinder, which the stories use, says in the same conversation what a real one did (recorded by cinder.long.test.ts).
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fakeKeystone } from '../../site-conductor/openstack/fake-keystone.ts'
import { FakeCinder } from '../../site-conductor/storage/fake-cinder.ts'
import { converse } from './conversation.ts'

const RECORDING = join(import.meta.dirname, 'testdata/cinder-21.3.1-debian-12.json')

test('the fake Cinder answers as the real one did', async () => {
  const fake = new FakeCinder()
  const data = {
    target_iqn: 'iqn.x',
    target_portal: '127.0.0.1:3260',
    target_lun: 1,
    auth_method: 'CHAP',
    auth_username: 'u',
    auth_password: 'p',
  }
  for (const id of ['vol-1', 'vol-2']) fake.add(id, { driver_volume_type: 'iscsi', data })
  const server = await fakeKeystone({ volume: fake.service }, { open: true })
  try {
    expect(await converse(server.urlOf('volume'), ['vol-1', 'vol-2', 'vol-3'])).toEqual(
      JSON.parse(readFileSync(RECORDING, 'utf8')),
    )
  } finally {
    await server.close()
  }
})
