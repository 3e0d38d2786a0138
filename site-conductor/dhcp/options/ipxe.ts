// Option 175, iPXE's encapsulated options (iPXE src/include/ipxe/dhcp.h). From the client: which features it was built
// with, each a sub-option holding a version. To the client: 176 = 1 says "wait for no proxyDHCP server", which
// saves iPXE a second and more at each boot.
import { readSuboptions, writeSuboptions } from './suboptions.ts'
import type { OptionCodec, OptionMap } from './option.ts'

const HTTP = 0x13
const NO_PROXY_DHCP = 176

export interface IpxeOptions {
  /** The client can fetch over HTTP. */
  http: boolean
  noProxyDhcp: boolean
  /** Every sub-option, as it came. */
  all: OptionMap
}

export const ipxe: OptionCodec<IpxeOptions> = {
  code: 175,
  name: 'iPXE options',
  decode(bytes) {
    const all = readSuboptions(bytes, true)
    return { http: isOn(all, HTTP), noProxyDhcp: isOn(all, NO_PROXY_DHCP), all }
  },
  encode({ http, noProxyDhcp, all }) {
    const merged: OptionMap = new Map(all)
    if (http) merged.set(HTTP, Buffer.of(1))
    if (noProxyDhcp) merged.set(NO_PROXY_DHCP, Buffer.of(1))
    return writeSuboptions(merged, false)
  },
}

function isOn(options: OptionMap, code: number): boolean {
  return options.get(code)?.some((byte) => byte !== 0) ?? false
}
