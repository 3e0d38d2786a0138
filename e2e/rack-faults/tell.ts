// Both ends of a file of stories on one rack: inside, the stories are told side by side, a machine each; outside, each is a test.
import { join } from 'node:path'
import { buildRamdisk } from '../../agent/ramdisk/build.ts'
import { buildTinyImage } from '../../lab/images/tiny.ts'
import { inRack, rackDirectory } from '../../lab/namespaces.ts'
import type { MachineSpec } from '../../lab/qemu.ts'
import { MachineStory } from './machine-story.ts'
import { type FaultSite, type FaultSiteOptions, type Prepared, startFaultSite } from './site.ts'

/** How a story ended. */
export interface Told {
  readonly story: string
  readonly seconds: number
  /** Undefined when all went as it should. */
  readonly problem?: string
}

/** A story has one machine or several; machines belong to one story. */
export interface Story {
  readonly machines: readonly MachineSpec[]
  tell(site: FaultSite, ...machines: MachineStory[]): Promise<void>
}

type SiteNeeds = Omit<FaultSiteOptions, keyof Prepared | 'machines' | 'directory'>

/** Inside: tells all stories at once and ends the process. */
export async function tellAll(stories: Readonly<Record<string, Story>>, needs: SiteNeeds = {}): Promise<never> {
  const prepared = JSON.parse(process.argv[2] ?? '{}') as Prepared
  const say = (line: string) => void process.send?.({ line: `${new Date().toISOString().slice(11, 19)} ${line}` })
  const machines = Object.values(stories).flatMap((story) => story.machines)
  const site = await startFaultSite({ ...prepared, ...needs, machines, directory: rackDirectory() })
  let next = 0
  const telling = Object.entries(stories).map(async ([name, story]): Promise<Told> => {
    const began = performance.now()
    const mine = site.rack.machines.slice(next, (next += story.machines.length))
    const cast = mine.map((machine) => new MachineStory(machine, site.api, say))
    const told = { story: name, seconds: 0 }
    try {
      await story.tell(site, ...cast)
    } catch (error) {
      const accounts = await Promise.all(cast.map((each) => each.account()))
      accounts.push(...site.logs())
      Object.assign(told, {
        problem: [error instanceof Error ? (error.stack ?? error.message) : String(error), ...accounts].join('\n'),
      })
    }
    for (const { machine } of mine) machine.off('end of story') // leaves the processors to the others
    return { ...told, seconds: (performance.now() - began) / 1000 }
  })
  process.send?.({ told: await Promise.all(telling) })
  await site.close()
  process.exit(0)
}

/** Outside: runs an entry that calls tellAll, to its end. */
export async function hearAll(entry: string): Promise<Map<string, Told>> {
  const [{ path }, { kernel, initrd }] = [await buildTinyImage(), await buildRamdisk({ log: () => {} })]
  const prepared: Prepared = { ramdisk: { kernel, initrd }, image: path }
  const lines: string[] = []
  let told: readonly Told[] | undefined
  const rack = inRack(join(import.meta.dirname, entry), [JSON.stringify(prepared)], {
    onMessage(message) {
      const said = message as { line?: string; told?: readonly Told[] }
      if (said.line !== undefined) {
        lines.push(said.line)
        console.log(said.line) // a test of minutes says what it is at
      }
      told = said.told ?? told
    },
  })
  const code = await rack.exited
  if (told === undefined) throw new Error(`the rack ended with ${code} before its stories\n${lines.join('\n')}`)
  if (code !== 0) throw new Error(`the rack ended with ${code} after its stories\n${lines.join('\n')}`)
  for (const { story, seconds } of told) console.log(`${story}: ${seconds.toFixed(0)} s`)
  return new Map(told.map((each) => [each.story, each]))
}
