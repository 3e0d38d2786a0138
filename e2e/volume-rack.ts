// The story of an instance on a volume on the rack, from outside: prepares ramdisk and image, runs it in namespaces, answers what was seen.
import { join } from 'node:path'
import { buildRamdisk } from '../agent/ramdisk/build.ts'
import { buildTinyImage } from '../lab/images/tiny.ts'
import { inRack } from '../lab/namespaces.ts'
import type { Prepared, Seen } from './volume-rack.inside.ts'

/** Throws, with all that was told on the way, when it ends badly. */
export async function bootFromVolume(machine: Prepared['machine']): Promise<Seen> {
  const image = await buildTinyImage()
  const { kernel, initrd } = await buildRamdisk({ log: () => {} })
  const prepared: Prepared = { machine, ramdisk: { kernel, initrd }, image }
  const lines: string[] = []
  let seen: Seen | undefined
  const rack = inRack(join(import.meta.dirname, 'volume-rack.inside.ts'), [JSON.stringify(prepared)], {
    onMessage(message) {
      const told = message as { line?: string; seen?: Seen }
      if (told.line !== undefined) lines.push(told.line)
      seen = told.seen ?? seen
    },
  })
  const code = await rack.exited
  if (code !== 0 || seen === undefined) throw new Error(`the rack ended with exit code ${code}\n${lines.join('\n')}`)
  return seen
}
