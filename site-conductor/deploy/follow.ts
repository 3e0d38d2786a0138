// Asks for a file by http or https, and follows redirects: each hop is looked at before it is connected to.
import http from 'node:http'
import https from 'node:https'
import { FaultError } from '../../shared/faults.ts'
import type { FetchNetworks } from './fetch-networks.ts'

const MAX_REDIRECTS = 5

/** The answer that has the file; whoever does not read it to its end destroys it. Redirects stay with http and https, and https never becomes http. */
export async function follow(
  start: string,
  networks: FetchNetworks,
  signal: AbortSignal,
): Promise<http.IncomingMessage> {
  let url = new URL(start)
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const response = await ask(url, networks, signal)
    const { statusCode: status = 0, headers } = response
    if (status >= 200 && status < 300) return response
    response.destroy()
    const next = URL.parse(headers.location ?? '', url)
    if (status < 300 || status >= 400 || next === null) {
      const isGone = status === 404 || status === 410
      throw new FaultError(isGone ? 'image.not_found' : 'image.unreachable', `the image server answered ${status}`)
    }
    if (!/^https?:$/.test(next.protocol) || (url.protocol === 'https:' && next.protocol === 'http:'))
      throw new FaultError('image.not_found', `the image server redirects from ${url.protocol} to ${next.protocol}`)
    url = next
  }
  throw new FaultError('image.unreachable', `more than ${MAX_REDIRECTS} redirects`)
}

/** On a connection of its own: a kept one may lead to where somebody else was let. */
async function ask(url: URL, networks: FetchNetworks, signal: AbortSignal): Promise<http.IncomingMessage> {
  networks.check(url)
  const { request } = url.protocol === 'https:' ? https : http
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>()
  request(url, { agent: false, headers: { 'accept-encoding': 'identity' }, lookup: networks.lookup, signal }, resolve)
    .on('error', reject)
    .end()
  return await promise
}
