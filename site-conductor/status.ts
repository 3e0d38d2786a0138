// `ferrule-conductor status`: who this host is and what the cloud has not heard, read from the data folder while the daemon runs or not.
import { fingerprint } from '../shared/sealing.ts'
import type { Disk } from './disk.ts'
import { readIdentity, readSite } from './identity.ts'
import { Journal } from './journal.ts'

export async function status(
  disk: Disk,
  out: (text: string) => void,
  exit: { ok: number; notEnrolled: number },
): Promise<number> {
  const identity = await readIdentity(disk)
  if (identity === undefined) {
    out('not enrolled')
    return exit.notEnrolled
  }
  const site = await readSite(disk)
  const keys = site === undefined ? 'none' : await fingerprint(site.publicKey)
  // A look without hands: the daemon may be writing, so nothing is cut off or repaired here.
  const { entries } = await Journal.open({ ...disk, truncate: async () => {} })
  out(
    [
      `conductor     ${identity.conductor} (${identity.hostname}, enrolled ${identity.enrolledAt})`,
      `cloud         ${identity.url}`,
      `site          ${identity.site}`,
      `site key      ${keys}${site !== undefined && site.privateKey === undefined ? ' (not held here: see request-key)' : ''}`,
      `not settled   ${entries.size === 0 ? 'nothing' : `${entries.size} tasks`}`,
      ...[...entries.values()].map(({ task, events, result }) => {
        const state =
          result === undefined ? 'under way' : result.outcome.ok ? 'done' : `failed (${result.outcome.fault.code})`
        return `  ${task.id} ${task.kind} node ${task.node}: ${state}, ${events.length} events not heard`
      }),
    ].join('\n'),
  )
  return exit.ok
}
