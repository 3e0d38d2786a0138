// The story of service mode on the rack, from outside: prepares ramdisk and image, runs it in namespaces, answers what was seen.
import { join } from 'node:path'
import { buildRamdisk } from '../agent/ramdisk/build.ts'
import { buildTinyImage } from '../lab/images/tiny.ts'
import { inRack } from '../lab/namespaces.ts'
import type { Prepared, Seen } from './service-mode.inside.ts'

/** Throws, with all that was told on the way, when it ends badly. */
export async function serviceMode(
  machines: Prepared['machines'],
  say: (line: string) => void = () => {},
): Promise<readonly Seen[]> {
  const image = await buildTinyImage({ format: 'qcow2' })
  const { kernel, initrd } = await buildRamdisk({ log: () => {} })
  const prepared: Prepared = { machines, ramdisk: { kernel, initrd }, image }
  const lines: string[] = []
  let seen: readonly Seen[] = []
  const rack = inRack(join(import.meta.dirname, 'service-mode.inside.ts'), [JSON.stringify(prepared)], {
    onMessage(message) {
      const told = message as { line?: string; seen?: readonly Seen[] }
      if (told.line !== undefined) {
        lines.push(told.line)
        say(told.line)
      }
      seen = told.seen ?? seen
    },
  })
  const code = await rack.exited
  if (code !== 0) throw new Error(`the rack ended with exit code ${code}\n${lines.join('\n')}`)
  return seen
}
