import { expect, test } from 'vitest'
import { isNobodys, parseEndpoint, pathOf } from './endpoint.ts'

test.each([
  ['bmc.example', 'https://bmc.example', '/redfish/v1/'],
  ['bmc.example:8443', 'https://bmc.example:8443', '/redfish/v1/'],
  ['http://10.0.0.1/', 'http://10.0.0.1', '/redfish/v1/'],
  ['https://10.0.0.1/shelf/redfish/v1', 'https://10.0.0.1', '/shelf/redfish/v1/'],
  ['fd00::17', 'https://[fd00::17]', '/redfish/v1/'],
  ['https://[fd00::17]:8000', 'https://[fd00::17]:8000', '/redfish/v1/'],
])('%s is the service root %s%s', (address, origin, root) => {
  expect(parseEndpoint(address)).toEqual({ origin, root })
})

test.each([
  ['ftp://bmc'],
  ['file:///etc/passwd'],
  ['https://user:password@bmc'],
  ['https://bmc/redfish/v1?x=1'],
  ['https://bmc/#x'],
  ['https://'],
  ['http://169.254.169.254/'],
  ['[fe80::1]'],
  ['http://0.0.0.0'],
  ['239.1.2.3'],
  ['http://[::ffff:169.254.169.254]'],
  ['http://2852039166'], // 169.254.169.254 as one number
  ['http://0xa9.254.0251.254'],
])('%s is no address of a BMC', (address) => {
  expect(() => parseEndpoint(address)).toThrow(expect.objectContaining({ kind: 'argument' }))
})

const endpoint = parseEndpoint('https://bmc.example')

test.each([
  ['/redfish/v1/Systems/1', '/redfish/v1/Systems/1'],
  ['Systems/1', '/redfish/v1/Systems/1'],
  ['https://bmc.example/redfish/v1/Systems?$skip=10', '/redfish/v1/Systems?$skip=10'],
  ['https://bmc.example:443/x', '/x'],
  ['/redfish/../../etc', '/etc'],
])('the reference %s is the path %s', (reference, path) => {
  expect(pathOf(endpoint, reference)).toBe(path)
})

test.each([
  ['http://bmc.example/redfish/v1/Systems/1'],
  ['https://bmc.example:8443/'],
  ['//evil.example/redfish/v1'],
  ['https://bmc.example@evil.example/'],
  ['https://x:y@bmc.example/'],
  ['/\\evil.example/'],
  ['javascript:alert(1)'],
  ['https://['],
  [`/${'x'.repeat(3000)}`],
])('the reference %s is not followed', (reference) => {
  expect(() => pathOf(endpoint, reference)).toThrow(expect.objectContaining({ kind: 'protocol' }))
})

test.each([
  '169.254.169.254',
  '224.0.0.1',
  '255.255.255.255',
  '0.0.0.0',
  'fe80::1',
  'ff02::1',
  '::',
  'fd00:ec2::254',
  'fd20:ce::254',
  '100.100.100.200',
  '64:ff9b::a9fe:a9fe',
  '::ffff:169.254.1.1',
])('%s is nobody’s address', (address) => {
  expect(isNobodys(address)).toBe(true)
})

test.each(['127.0.0.1', '10.1.2.3', '192.168.1.1', 'fd12::1', '::1'])('%s may be a BMC’s address', (address) => {
  expect(isNobodys(address)).toBe(false)
})
