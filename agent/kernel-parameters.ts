// What the boot loader told us on the kernel's command line. Names with ipa- are Ironic's; ferrule. ones are ours.
export interface KernelParameters {
  /** Base URLs of the conductors' agent APIs, in the order to try. */
  apiUrls: string[]
  /** A token that came with the boot medium instead of with the lookup. */
  agentToken?: string
  /** MAC of the interface that booted, lower-case with colons. */
  bootMac?: string
  /** SHA-256 of the site CA certificate's DER, lower-case hexadecimal. */
  caDigest?: string
  nodeUuid?: string
  listenPort: number
  advertiseHost?: string
  advertisePort?: number
  lookupTimeoutMs: number
  /** How long an image source may be silent, and how often it is asked again without one new byte; the agent's defaults when absent. */
  imageStallMs?: number
  imageTries?: number
  /** How long frames of LLDP are waited for by an inspection; absent: they are not. */
  lldpTimeoutMs?: number
  /** Sent with every request to the conductor, so that one id runs from the API call to here. */
  requestId?: string
}

/** Splits at spaces outside double quotes, as the kernel does. */
function words(line: string): string[] {
  return (line.match(/(?:[^\s"]|"[^"]*(?:"|$))+/g) ?? []).map((word) => word.replaceAll('"', ''))
}

const positive = (text: string | undefined) => (text && /^[1-9]\d{0,4}$/.test(text) ? Number(text) : undefined)
const isTrue = (text: string | undefined) => /^(?:1|t|true|on|y|yes)$/i.test(text ?? '')
const port = (text: string | undefined) =>
  text && /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined

/** Unknown parameters are the kernel's own business; the last of a repeated one wins. Malformed values of ours throw an Error that says which. */
export function parseKernelParameters(line: string): KernelParameters {
  const all = new Map<string, string>()
  for (const word of words(line)) {
    const at = word.indexOf('=')
    if (at > 0) all.set(word.slice(0, at), word.slice(at + 1))
  }
  const pin = all.get('ferrule.ca')
  const caDigest = pin === undefined ? undefined : /^sha256:([0-9a-f]{64})$/i.exec(pin)?.[1]?.toLowerCase()
  if (pin !== undefined && caDigest === undefined)
    throw new Error('ferrule.ca is not sha256: and 64 hexadecimal digits')
  const apiUrls = (all.get('ipa-api-url') ?? '').split(',').filter(Boolean)
  for (const url of apiUrls) {
    if (!/^https?:\/\//.test(url) || !URL.canParse(url))
      throw new Error(`ipa-api-url ${url} is not an http or https URL`)
  }
  // PXELINUX and iPXE prefix the MAC with the hardware type: 01-52-54-00-…
  const bootMac = /^(?:01-)?((?:[0-9a-f]{2}[-:]){5}[0-9a-f]{2})$/i.exec(all.get('BOOTIF') ?? '')?.[1]
  const [agentToken, nodeUuid] = [all.get('ipa-agent-token'), all.get('ferrule.node')]
  const [advertiseHost, requestId] = [all.get('ipa-advertise-host'), all.get('ipa-global-request-id')]
  const [stallS, imageTries] = [positive(all.get('ferrule.image-stall')), positive(all.get('ferrule.image-tries'))]
  const advertisePort = port(all.get('ipa-advertise-port'))
  return {
    apiUrls: apiUrls.map((url) => url.replace(/\/+$/, '').replace(/\/v1$/, '')),
    ...(agentToken && { agentToken }),
    ...(bootMac && { bootMac: bootMac.toLowerCase().replaceAll('-', ':') }),
    ...(caDigest && { caDigest }),
    ...(nodeUuid && { nodeUuid }),
    ...(advertiseHost && { advertiseHost }),
    ...(advertisePort && { advertisePort }),
    ...(stallS !== undefined && { imageStallMs: stallS * 1000 }),
    ...(imageTries !== undefined && { imageTries }),
    ...(isTrue(all.get('ipa-collect-lldp')) && { lldpTimeoutMs: (positive(all.get('ipa-lldp-timeout')) ?? 30) * 1000 }),
    ...(requestId && /^[\w-]{1,64}$/.test(requestId) && { requestId }),
    listenPort: port(all.get('ipa-listen-port')) ?? 9999,
    lookupTimeoutMs: Number(all.get('ipa-lookup-timeout') ?? 600) * 1000 || 600_000,
  }
}
