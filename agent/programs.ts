// The programs of a step: the ramdisk's own, or those of a layer that its conductor has.
import { createHash } from 'node:crypto'
import { LAYER_OF } from '../shared/layers.ts'
import type { CommandContext } from './command.ts'
import { download } from './disk/download.ts'
import { AgentFault } from './fault.ts'
import type { Programs } from './layers.ts'

const MAX_LAYER_BYTES = 2 ** 30

/** ProgramMissing where neither has them, with what is to be done about it. */
export async function programsFor(context: CommandContext, step: string, needed: readonly string[]): Promise<Programs> {
  const { machine, layers = {} } = context
  const own = await machine.layers?.own(needed)
  if (own) return own
  const name = LAYER_OF[step]
  const source = name === undefined ? undefined : layers[name]
  if (name === undefined || source === undefined || machine.layers === undefined)
    throw new AgentFault(
      'ProgramMissing',
      `${step} needs ${needed.join(' and ')}, and the ramdisk does not have that`,
      name === undefined
        ? 'put it into a ramdisk of your own'
        : `the conductor has no layer ${name}: build it with "node agent/ramdisk/build.ts --layers ${name}" into ramdiskLayers of its configuration`,
    )
  const { url, sha256 } = source
  const known = await machine.layers.known(name, sha256)
  if (known) return known
  const parts: Uint8Array[] = []
  let fetched = 0
  await download({
    urls: [url],
    maxBytes: MAX_LAYER_BYTES,
    signal: context.signal,
    log: context.log,
    what: `layer ${name}`,
    push(bytes) {
      parts.push(Buffer.from(bytes))
      fetched += bytes.length
      context.progress(`layer ${name}`, fetched)
      return undefined
    },
  })
  const packed = Buffer.concat(parts)
  const found = createHash('sha256').update(packed).digest('hex')
  if (found !== sha256)
    throw new AgentFault(
      'ImageChecksumError',
      `the layer ${name} is not what the conductor has said`,
      `sha256 ${found}`,
    )
  context.log(`layer ${name}: ${fetched} bytes`)
  return await machine.layers.add(name, sha256, packed)
}
