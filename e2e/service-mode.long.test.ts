// Real firmware that boots over the network first, after a deployment that failed and after one that worked: it never sees the ramdisk
// again, and ends at its disk. Judges: the serial console, the power log, and the node's timeline.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { buildRamdisk } from '../agent/ramdisk/build.ts'
import { buildTinyImage } from '../lab/images/tiny.ts'
import { inRack } from '../lab/namespaces.ts'
import type { Prepared, Seen } from './service-mode.inside.ts'

test('a machine that boots over the network first gets no ramdisk but for a deployment', async () => {
  const image = await buildTinyImage({ format: 'qcow2' })
  const { kernel, initrd } = await buildRamdisk({ log: () => {} })
  const prepared: Prepared = { ramdisk: { kernel, initrd }, image }
  const lines: string[] = []
  let seen: readonly Seen[] = []
  const rack = inRack(join(import.meta.dirname, 'service-mode.inside.ts'), [JSON.stringify(prepared)], {
    onMessage(message) {
      const told = message as { line?: string; seen?: readonly Seen[] }
      if (told.line !== undefined) lines.push(told.line)
      seen = told.seen ?? seen
    },
  })
  const code = await rack.exited
  expect(code, lines.join('\n')).toBe(0)
  expect(seen).toHaveLength(1)
  for (const { lastError, localBoots, starts, ...facts } of seen) {
    expect(lastError, facts.name).toContain('deploy.write_image')
    expect(facts).toMatchObject({ onAfterFailure: false, ramdisks: 2, systems: 2 })
    expect(localBoots, facts.name).toBeGreaterThanOrEqual(2)
    expect(starts.at(-1), 'the network first, and the system all the same').toBe('net disk')
  }
})
