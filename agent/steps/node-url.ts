// URLs that are the same in a template of many nodes: {node[uuid]}, {node[properties][rack]}, {ports[0][address]}, as Ironic's agent fills them in.
import type { CommandContext } from '../command.ts'
import { AgentFault } from '../fault.ts'

const MOST_QUOTED = 100

/** A URL may have credentials in it, and be very long. */
function named(url: string): string {
  const host = URL.parse(url)?.host
  return host ? `a URL on ${shortened(host)}` : 'a URL'
}

const shortened = (text: string) => (text.length <= MOST_QUOTED ? text : `${text.slice(0, MOST_QUOTED)}…`)

/** Throws for a field that the node does not have. */
export function filledIn(url: string, { node, ports = [] }: Pick<CommandContext, 'node' | 'ports'>): string {
  return url.replaceAll(/\{(node|ports)((?:\[[^[\]{}]+\])+)\}/g, (field, of: 'node' | 'ports', keys: string) => {
    let value: unknown = of === 'node' ? node : ports
    for (const [, key = ''] of keys.matchAll(/\[([^\]]+)\]/g))
      value =
        typeof value === 'object' && value !== null && Object.hasOwn(value, key)
          ? (value as Record<string, unknown>)[key]
          : undefined
    if (typeof value === 'string' || typeof value === 'number') return encodeURI(String(value))
    throw new AgentFault('InvalidCommandParamsError', `${named(url)}: the node has no ${shortened(field)}`)
  })
}
