import { expect, test } from 'vitest'
import { externalUrl, externalUrlError } from './external-url.ts'

const URLS = [
  'http://203.0.113.9',
  '10.2.0.0/16=http://10.2.0.5:8088/',
  '10.2.7.0/24=https://proxy',
  'fd00::/8=http://[fd00::5]:8088',
]

test.each([
  ['10.2.1.1', 'http://10.2.0.5:8088'],
  ['10.2.7.1', 'https://proxy'],
  ['fd00::17', 'http://[fd00::5]:8088'],
  ['192.0.2.1', 'http://203.0.113.9'],
  ['bmc.example', 'http://203.0.113.9'],
])('a BMC at %s finds the conductor at %s', (host, url) => {
  expect(externalUrl(URLS, host)).toBe(url)
  expect(externalUrl(URLS.toReversed(), host)).toBe(url)
})

test('without a network that fits there is none', () => {
  expect(externalUrl(URLS.slice(1), 'bmc.example')).toBeUndefined()
  expect(externalUrl([], '10.2.1.1')).toBeUndefined()
})

test.each([
  ['10.2.0.0/33=http://a', '"10.2.0.0/33" is not a network such as 10.2.0.0/16'],
  ['10.2=http://a', '"10.2" is not a network such as 10.2.0.0/16'],
  ['10.2.0.0/16=ftp://a', '"ftp://a" is not an http or https URL'],
  ['a', '"a" is not an http or https URL'],
  ['http://a?b', '"http://a?b" is not an http or https URL'],
  ['http://a', undefined],
])('%s: %s', (text, error) => expect(externalUrlError(text)).toBe(error))
