// docs/reference/inspection.md: what is made of an inspection, by the tables of the code.
import { ACTIONS, NOT_OFFERED } from '../../cloud/inspection-rules/actions.ts'
import { OPERATORS } from '../../cloud/inspection-rules/conditions.ts'
import type { Signature } from '../../cloud/inspection-rules/signature.ts'
import { Config, CONFIG_KEYS } from '../../site-conductor/config.ts'
import { HOOKS } from '../../site-conductor/inspection/hooks.ts'

const rows = (lines: readonly (readonly string[])[]) => lines.map((cells) => `| ${cells.join(' | ')} |`)
const signatures = (table: Readonly<Record<string, Signature>>) =>
  rows(
    Object.entries(table).map(([name, { needs, may = [] }]) => [
      `\`${name}\``,
      [...needs.map((each) => `${each}*`), ...may].join(', '),
    ]),
  )

function settings(): string[] {
  const keys = CONFIG_KEYS.filter((key) => key.startsWith('inspection'))
  return rows(
    keys.map((key) => {
      const preset = Config.shape[key].parse(undefined)
      const value = Array.isArray(preset) ? preset.join(', ') : String(preset)
      return [`\`${key}\``, value && `\`${value}\``, Config.shape[key].description ?? '']
    }),
  )
}

/** `generated`: the line that says so. */
export const inspectionPage = (generated: string): string =>
  `${[
    '# Inspection',
    '',
    generated,
    'What `agent` (a boot of the ramdisk) and `redfish` (a look at the BMC) find is kept as inventory and plugin data (`GET /v1/nodes/{id}/inventory`); hooks make changes of the node and its',
    "ports of it, then the organisation's inspection rules make more. Interface `fake` has an inventory of its own, and no hooks.",
    '',
    '## Hooks',
    '',
    "They run in this order; `inspectionHooks` in the configuration of the site's conductors chooses other ones than the usual. Those are Ironic's (`ramdisk-error`, `validate-interfaces`, `ports`,",
    '`architecture`) and `cpus`, `memory` and `root-device`, for what these tell was always told here. `boot_mode` of the node is told whatever is chosen.',
    '',
    '| Hook | Usual | Needs | |',
    '|---|---|---|---|',
    ...rows(
      Object.entries(HOOKS).map(([name, { about, needs, isDefault }]) => [
        `\`${name}\``,
        isDefault ? 'yes' : '',
        needs === undefined ? '' : `\`${needs}\``,
        about,
      ]),
    ),
    '',
    '## Settings',
    '',
    "Keys of each conductor's configuration; all conductors of a site should have the same.",
    '',
    '| Key | Default | |',
    '|---|---|---|',
    ...settings(),
    '',
    '## LLDP',
    '',
    'What switches say of themselves is in the inventory (`lldp` of an interface: `[[type, value in hexadecimal], …]`) where the ramdisk waits for it: with `ipa-collect-lldp=1` in `kernelArguments`,',
    'for up to `ipa-lldp-timeout` seconds (30), at all NICs with a cable at once ([ADR 25](../adr/0025-lldp.md)). Hooks take what a ramdisk of your own tells, too, with the interfaces or as `lldp_raw`.',
    'Redfish tells none.',
    '',
    '## Rules',
    '',
    '`/v1/inspection_rules` (1.96). Arguments come by name, or as a list in this order; those with * are needed. `!` before an operator turns it round.',
    '',
    '| Operator of a condition | Arguments |',
    '|---|---|',
    ...signatures(OPERATORS),
    '',
    '| Action | Arguments |',
    '|---|---|',
    ...signatures(ACTIONS),
    '',
    '| Action of Ironic that is refused | Why |',
    '|---|---|',
    ...rows(Object.entries(NOT_OFFERED).map(([name, why]) => [`\`${name}\``, why])),
    '',
    '## What Ironic has and is not offered here',
    '',
    '| | Why |',
    '|---|---|',
    ...rows([
      [
        'Unmanaged inspection (`require_managed_boot` false: another DHCP server boots a ramdisk, which posts to `continue_inspection`)',
        "An inventory comes from an agent that its conductor has booted, over the connection that this boot's token and certificate protect. A ramdisk that somebody else has booted has neither: whoever is on the network could say what a machine is made of, and where its cables end. `POST /v1/continue_inspection` answers 404, as Ironic does where no node waits. Where another DHCP server gives addresses, `bootMode` proxy boots the conductor's ramdisk all the same",
      ],
      [
        'Auto-discovery (an unknown machine becomes a node)',
        "It needs unmanaged inspection: nothing is known of a machine that no node stands for, so that anybody's word would make nodes, with what rules add to them (credentials)",
      ],
      ['Storing inventories in Swift, or not at all', 'They are kept where the cloud keeps its documents'],
    ]),
  ].join('\n')}\n`
