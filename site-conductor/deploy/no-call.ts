// The fault of a machine that was switched on and whose agent, or installer, never called: how far it came, and where to look for what held it up.
import { FaultError } from '../../shared/faults.ts'
import type { Seen } from '../agents/agents.ts'

export function noCall(
  waitedMs: number,
  lastSeen: Seen | undefined,
  agentApiUrl: string | undefined,
  who: 'agent' | 'installer' = 'agent',
): FaultError {
  const waited = `the machine was switched on, but no ${who} called within ${waitedMs / 1000} s`
  if (lastSeen === undefined)
    return new FaultError('agent.no_call', `${waited}, and nothing of its boot was seen meanwhile`, {
      hint: 'check its network cable, boot mode, VLAN and DHCP relay',
    })
  return new FaultError('agent.no_call', `${waited}; the last boot stage was ${lastSeen.words}`, {
    ...(lastSeen.hasRamdisk && {
      hint: `see its serial console; can it reach ${agentApiUrl ?? 'the agent API of its conductor'} from there?`,
    }),
  })
}
