// The config drive that an instance gets: what the deployment brought, and the networks that its node describes.
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import fakeHardware from '../drivers/fake-hardware.ts'
import { fakeContext } from '../testing/fake-context.ts'
import { fakeGrant } from '../testing/fake-hub.ts'
import { configDriveOf } from './instance-drive.ts'

const networks = { links: [], networks: [], services: [{ type: 'dns', address: '10.9.8.7' }] }

async function driveOf(context: Record<string, unknown>): Promise<string | undefined> {
  const running = await fakeContext(fakeHardware, { node: fakeGrant('n'), context })
  try {
    return await configDriveOf(running)
  } finally {
    await running.close()
  }
}
const textOf = (drive: string | undefined) => gunzipSync(Buffer.from(drive!, 'base64')).toString('latin1')

test('neither a config drive nor networks: there is none', async () => {
  expect(await driveOf({ instance_info: {} })).toBeUndefined()
  expect(await driveOf({ instance_info: {}, network_data: {} })).toBeUndefined()
})

test('networks of the node are in a drive of their own when the deployment brings none', async () => {
  const text = textOf(await driveOf({ instance_info: {}, network_data: networks }))
  expect(text).toContain('"address":"10.9.8.7"')
  expect(text).toContain('"uuid":')
})

test('networks of the node complete a drive that says nothing of networks', async () => {
  const configdrive = { user_data: '#!/bin/sh\n# mine\n' }
  const text = textOf(await driveOf({ instance_info: { configdrive }, network_data: networks }))
  expect(text).toContain('# mine')
  expect(text).toContain('10.9.8.7')
})

test('what the deployment says of networks goes before what the node says', async () => {
  const configdrive = { network_data: { links: [], networks: [], services: [{ type: 'dns', address: '1.1.1.1' }] } }
  const text = textOf(await driveOf({ instance_info: { configdrive }, network_data: networks }))
  expect(text).toContain('1.1.1.1')
  expect(text).not.toContain('10.9.8.7')
})

test('a drive that comes as an image or a place stays as it is', async () => {
  for (const configdrive of ['aGVsbG8=', 'https://images.example/drive'])
    expect(await driveOf({ instance_info: { configdrive }, network_data: networks })).toBe(configdrive)
})
