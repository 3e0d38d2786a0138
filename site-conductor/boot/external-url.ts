// Where a BMC finds what this conductor serves over HTTP: its network is seldom the machines'. The longest matching network wins; without one it is
// the address that machines use.
import { type Network, parseNetwork } from '../site/networks.ts'

/** By network: `10.2.0.0/16=http://10.2.0.5:8088`; for all others the URL alone. */
export type ExternalUrls = readonly string[]

interface Rule extends Network {
  readonly url: string
}

/** Throws an Error that says what is wrong with it. */
function ruleOf(text: string): Rule {
  const [network, url] = text.includes('=') ? (text.split('=', 2) as [string, string]) : [undefined, text]
  const parsed = URL.parse(url)
  if (parsed === null || !/^https?:$/.test(parsed.protocol) || parsed.search !== '' || parsed.hash !== '')
    throw new Error(`${JSON.stringify(url)} is not an http or https URL`)
  const base = url.replace(/\/+$/, '')
  if (network === undefined) return { bits: -1, holds: () => true, url: base }
  return { ...parseNetwork(network), url: base }
}

export function externalUrlError(text: string): string | undefined {
  try {
    ruleOf(text)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** `host`: the BMC's address, or its name, which is in no network. */
export function externalUrl(urls: ExternalUrls, host: string): string | undefined {
  const matching = urls.map(ruleOf).filter(({ holds }) => holds(host))
  return matching.toSorted((a, b) => b.bits - a.bits)[0]?.url
}
