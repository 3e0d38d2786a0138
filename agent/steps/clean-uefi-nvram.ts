// Step: entries of the firmware's boot menu that lead to what is not there any more (Ironic's clean_uefi_nvram). What the machine was started by stays, and
// what it is to start next; in a deployment, so do the entries of the disk that is being deployed.
import { compilePattern } from '../../shared/pattern.ts'
import { cleanUefiNvramArgs } from '../../shared/step-arguments.ts'
import { type CommandContext, defineStep } from '../command.ts'
import { readPartitionTable } from '../disk/partition-table.ts'
import { AgentFault } from '../fault.ts'
import { bootMenu } from '../hardware/efi-variables.ts'
import { withRootDisk } from './root-disk.ts'

/** Files of disks, and what installers call the loader that firmware with secure boot starts. */
const DISKS = ['^HD\\(', 'shim.*\\.efi']

/** GUIDs of the partitions that the instance starts from, in lower case. */
async function keptPartitions(context: CommandContext): Promise<string[]> {
  if (context.phase !== 'deploy') return []
  return await withRootDisk(context, { changed: false }, async (target) => {
    const table = await readPartitionTable(target)
    return table.kind === 'gpt' ? table.gpt.entries.map(({ guid }) => guid.toLowerCase()) : []
  })
}

export const cleanUefiNvramStep = defineStep({
  interface: 'deploy',
  step: 'clean_uefi_nvram',
  about: 'Removes entries of the UEFI boot menu by where they lead to.',
  priorities: { clean: 0, deploy: 0 },
  args: cleanUefiNvramArgs,
  async run(context, { match_patterns: patterns }) {
    const menu = await bootMenu(context.machine.root)
    if (menu === undefined) return 'this machine was not booted by UEFI'
    const wanted = (patterns ?? DISKS).map((regex) => compilePattern(regex, { ignoreCase: true }))
    const guids = await keptPartitions(context)
    const matching = (await menu.entries()).filter(({ path }) => wanted.some((pattern) => pattern.test(path)))
    const stays = ({ path, isInUse }: (typeof matching)[number]) =>
      isInUse || guids.some((guid) => path.toLowerCase().includes(guid))
    const gone = matching.filter((entry) => !stays(entry))
    await menu.remove(gone.map(({ name }) => name)).catch((error: Error) => {
      throw new AgentFault('BootEntryError', 'the firmware does not let go of boot entries', error.message)
    })
    for (const { name, description, path } of gone) context.log(`boot entry ${name} removed: ${description}, ${path}`)
    const kept = matching.filter(stays).map(({ name }) => name)
    const told = gone.map(({ name, description }) => `${name} (${description})`).join(', ') || 'nothing'
    return `removed ${told}${kept.length > 0 ? `; in use and kept: ${kept.join(', ')}` : ''}`
  },
})
