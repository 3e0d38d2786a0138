// Which addresses a conductor fetches from.
import { expect, test } from 'vitest'
import { FetchNetworks } from './fetch-networks.ts'

const isFetched = (networks: FetchNetworks, host: string) => {
  try {
    networks.check(new URL(`http://${host}/`))
    return true
  } catch {
    return false
  }
}

const SITE = [
  '10.0.0.5',
  '192.168.1.2',
  '172.16.0.9',
  '203.0.113.7',
  '[fd00::5]',
  '[2001:db8::1]',
  '[64:ff9b::10.0.0.5]',
  'images.example',
]
const NEVER = [
  ...['127.0.0.1', '127.1', '0.0.0.0', '2130706433', '169.254.169.254', '224.0.0.1', '255.255.255.255'],
  ...['[::1]', '[::]', '[fe80::1]', '[ff02::1]', '[::ffff:169.254.169.254]', '[::ffff:127.0.0.1]'],
  ...['[64:ff9b::127.0.0.1]', '[64:ff9b::169.254.169.254]', '[64:ff9b::100.100.100.200]', '192.0.0.192'],
  ...['100.100.100.200', '168.63.129.16', '[fd00:ec2::254]', '[fd20:ce::254]'],
]

test.each(SITE)('%s may be an image server of the site', (host) => {
  expect(isFetched(new FetchNetworks([]), host)).toBe(true)
})

test.each(NEVER)('%s is never one', (host) => {
  expect(isFetched(new FetchNetworks([]), host)).toBe(false)
})

test('a site may name the networks itself, and then there are no others', () => {
  const only = new FetchNetworks(['10.0.0.0/24', 'fd00::/64', '127.0.0.1/32'])
  const hosts = ['10.0.0.5', '10.0.1.5', '[fd00::5]', '[fd01::5]', '127.0.0.1', '127.0.0.2']
  expect(hosts.filter((host) => isFetched(only, host))).toEqual(['10.0.0.5', '[fd00::5]', '127.0.0.1'])
})
