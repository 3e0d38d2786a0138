import { describe, expect, it } from 'vitest'
import { MAX_VERSION, negotiate, versionHeaders } from './microversion.ts'

const ask = (headers: Record<string, string>) => negotiate(new Headers(headers))

describe('microversion', () => {
  it.each([
    [{}, 1],
    [{ 'X-OpenStack-Ironic-API-Version': '1.89' }, 89],
    [{ 'X-OpenStack-Ironic-API-Version': 'latest' }, MAX_VERSION],
    [{ 'X-OpenStack-Ironic-API-Version': 'LATEST' }, MAX_VERSION],
    [{ 'OpenStack-API-Version': 'baremetal 1.52' }, 52],
    [{ 'OpenStack-API-Version': 'compute 2.90, baremetal latest' }, MAX_VERSION],
    [{ 'OpenStack-API-Version': 'compute 2.90' }, 1],
    [{ 'X-OpenStack-Ironic-API-Version': '1.20', 'OpenStack-API-Version': 'baremetal 1.30' }, 20],
  ])('%j is 1.%i', (headers, version) => {
    expect(ask(headers as Record<string, string>)).toEqual({ version })
  })

  it.each([
    ['1.999', true],
    ['1.0', true],
    ['2.1', true],
    ['abc', false],
    ['1', false],
    ['1.-1', false],
    ['1.1e3', false],
  ])('%s is refused; the range is told: %s', (text, ranged) => {
    const answer = ask({ 'X-OpenStack-Ironic-API-Version': text })
    expect(answer.version).toBeNull()
    expect(answer).toMatchObject({ ranged, error: { fault: { code: 'version.unsupported' } } })
  })

  it('tells the range and the effective version in headers', () => {
    expect(versionHeaders(46)).toEqual({
      'X-OpenStack-Ironic-API-Minimum-Version': '1.1',
      'X-OpenStack-Ironic-API-Maximum-Version': `1.${MAX_VERSION}`,
      'X-OpenStack-Ironic-API-Version': '1.46',
    })
  })
})
