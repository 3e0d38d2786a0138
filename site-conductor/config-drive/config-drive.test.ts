import { expect, test } from 'vitest'
import { CONFIG_DRIVE_MAX_BYTES, ConfigDriveTooLarge, buildConfigDrive } from './config-drive.ts'
import type { ConfigDriveContent } from './config-drive.ts'

const node = { uuid: '77000000-0000-4000-8000-525400770001', name: 'web-1' }
const time = new Date('2026-02-03T04:05:06Z')
const build = (content: ConfigDriveContent) => Buffer.from(buildConfigDrive(content, { node, time }))

test('the volume is labelled config-2 and is whole sectors', () => {
  const volume = build({})
  expect(volume.subarray(32_808, 32_840).toString()).toBe('config-2'.padEnd(32))
  expect(volume.length % 2048).toBe(0)
})

test("the node's uuid and name are added to meta_data, what the request says wins", () => {
  expect(build({}).toString('latin1')).toContain(JSON.stringify({ uuid: node.uuid, name: 'web-1', hostname: 'web-1' }))
  const own = build({ meta_data: { hostname: 'db.example', key: 'value' } }).toString('latin1')
  expect(own).toContain(JSON.stringify({ uuid: node.uuid, name: 'web-1', hostname: 'db.example', key: 'value' }))
})

test('a node without a name gets no host name', () => {
  const volume = Buffer.from(buildConfigDrive({}, { node: { uuid: node.uuid, name: null }, time })).toString('latin1')
  expect(volume).toContain(JSON.stringify({ uuid: node.uuid }))
})

test.each<[string, ConfigDriveContent['user_data'], string]>([
  ['text', '#!/bin/sh\necho ü\n', '#!/bin/sh\necho ü\n'],
  ['bytes', Buffer.of(0x1f, 0x8b, 0xff), '\x1f\x8b\xff'],
  ['an object', { ignition: { version: '3.4.0' } }, '{"ignition":{"version":"3.4.0"}}'],
])('user_data as %s is written as it is', (_, userData, expected) => {
  const encoding = typeof userData === 'string' ? 'utf8' : 'latin1'
  expect(build(userData === undefined ? {} : { user_data: userData }).toString(encoding)).toContain(expected)
})

test('more than 64 MiB is refused, before and after the volume adds its own', () => {
  const ofSize = (bytes: number) => () => build({ user_data: new Uint8Array(bytes) })
  expect(ofSize(CONFIG_DRIVE_MAX_BYTES + 1)).toThrow(ConfigDriveTooLarge)
  expect(ofSize(CONFIG_DRIVE_MAX_BYTES - 1000)).toThrow(ConfigDriveTooLarge)
  expect(ofSize(CONFIG_DRIVE_MAX_BYTES - 100_000)).not.toThrow()
})
