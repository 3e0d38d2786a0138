// Is an address inside a network (RFC 4632, RFC 4291)? Both are text, of either family.

/** Undefined: one of them is none. A network without a length is the one address. */
export function contains(network: string, address: string): boolean | undefined {
  const [base = '', length] = network.split('/')
  const [from, at] = [parse(base), parse(address)]
  if (!from || !at || (length !== undefined && !/^\d{1,3}$/.test(length))) return undefined
  const prefix = Number(length ?? from.bits)
  if (prefix > from.bits) return undefined
  const rest = BigInt(from.bits - prefix)
  return from.bits === at.bits && from.value >> rest === at.value >> rest
}

interface Address {
  readonly bits: 32 | 128
  readonly value: bigint
}

function parse(text: string): Address | undefined {
  return text.includes(':') ? parse6(text) : parse4(text)
}

function parse4(text: string): Address | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) return undefined
  return { bits: 32, value: parts.reduce((all, part) => (all << 8n) | BigInt(part), 0n) }
}

function parse6(text: string): Address | undefined {
  const halves = text.split('::').map((half) => (half === '' ? [] : half.split(':')))
  const [head = [], tail] = halves
  const missing = 8 - head.length - (tail?.length ?? 0)
  if (halves.length > 2 || (tail ? missing < 1 : missing !== 0)) return undefined
  const groups = [...head, ...(tail ? [...Array<string>(missing).fill('0'), ...tail] : [])]
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined
  return { bits: 128, value: groups.reduce((all, group) => (all << 16n) | BigInt(`0x${group}`), 0n) }
}
