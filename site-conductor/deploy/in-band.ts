// What the agent does by itself between tenants and around an image: steps of every deploy interface that boots one.
import type { Implementation, Offer } from '../driver.ts'
import { agentStep } from './agent-step.ts'
import type { AgentOptions } from './perform.ts'

/** Longer than anybody burns a machine in; who asks for it says how long (driver_info, shared/burn-in.ts). */
const BURN_IN_MS = 20 * 24 * 60 * 60_000

/** Twice over all of a large slow disk. An agent that is gone ends it much earlier. */
const WHOLE_DISKS_MS = 96 * 60 * 60_000

const OFFERS = {
  erase_devices_metadata: { clean: 99, deploy: 0, abortable: true },
  erase_devices: { clean: 10, abortable: true, timeoutMs: WHOLE_DISKS_MS },
  erase_devices_express: { clean: 0, abortable: true, timeoutMs: WHOLE_DISKS_MS },
  erase_pstore: { clean: 0, abortable: true },
  clean_uefi_nvram: {
    clean: 0,
    deploy: 0,
    abortable: true,
    args: {
      match_patterns: {
        description:
          'Boot entries whose device path has one of these regular expressions are removed. Default: entries of disks',
      },
    },
  },
  inject_files: {
    deploy: 0,
    service: 0,
    abortable: true,
    args: {
      files: {
        description:
          'What to write or delete: a list of {path, content or url, partition, mode, owner, group, dirmode, deleted}. Those of properties/inject_files come before them',
      },
      verify_ca: { description: 'false: https servers that files come from are not verified' },
    },
  },
  burnin_cpu: { clean: 0, service: 0, abortable: true, timeoutMs: BURN_IN_MS },
  burnin_memory: { clean: 0, service: 0, abortable: true, timeoutMs: BURN_IN_MS },
  burnin_disk: { clean: 0, abortable: true, timeoutMs: BURN_IN_MS },
  burnin_network: { clean: 0, service: 0, abortable: true, timeoutMs: BURN_IN_MS },
  burnin_gpu: { clean: 0, service: 0, abortable: true, timeoutMs: BURN_IN_MS },
} as const satisfies Record<string, Offer>

export function inBandSteps<Info>(
  options: AgentOptions<Info>,
): Required<Pick<Implementation<Info>, 'offers' | 'steps'>> {
  const steps = Object.keys(OFFERS).map((name) => {
    const order = agentStep(options, 'deploy', name)
    const run: NonNullable<Implementation<Info>['steps']>[string] = async (context) => {
      const { result } = await order(context)
      // How each disk was erased, and which was left out, and the like.
      if (typeof result === 'string') context.note(`${name}.done`, { result })
    }
    return [name, run] as const
  })
  return { offers: OFFERS, steps: Object.fromEntries(steps) }
}
