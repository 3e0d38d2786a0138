// `ferrule-conductor status`: who this host is and what the cloud has not heard, read from the data folder while the daemon runs or not.
import { toFault } from '../../shared/faults.ts'
import { fingerprint } from '../../shared/sealing.ts'
import { folder } from '../disk.ts'
import { readIdentity, readSite } from '../identity.ts'
import { Journal } from '../tasks/journal.ts'
import { askDaemon } from '../local/control.ts'
import type { DaemonState } from '../local/daemon.ts'

export async function status(
  dataDir: string,
  out: (text: string) => void,
  exit: { ok: number; notEnrolled: number },
): Promise<number> {
  const disk = await folder(dataDir)
  const identity = await readIdentity(disk)
  if (identity === undefined) {
    out('not enrolled')
    return exit.notEnrolled
  }
  const site = await readSite(disk)
  const keys = site === undefined ? 'none' : await fingerprint(site.publicKey)
  // A look without hands: the daemon may be writing, so nothing is cut off or repaired here.
  const { entries, locals } = await Journal.open({ ...disk, truncate: async () => {} })
  out(
    [
      `conductor     ${identity.conductor} (${identity.hostname}, enrolled ${identity.enrolledAt})`,
      `cloud         ${identity.url}`,
      `site          ${identity.site}`,
      `site key      ${keys}${site !== undefined && site.privateKey === undefined ? ' (not held here: see request-key)' : ''}`,
      ...(await daemonLines(dataDir)),
      ...(locals.size === 0 ? [] : [`local         ${locals.size} actions that the cloud has not heard of`]),
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

/** What the running daemon says of the link, its lease, and the tasks that go on without. */
async function daemonLines(dataDir: string): Promise<string[]> {
  let asked: Awaited<ReturnType<typeof askDaemon>>
  try {
    asked = await askDaemon(dataDir, { ask: 'status' })
  } catch (error) {
    const { message, hint } = toFault(error)
    return [`daemon        ${message}; next: ${hint}`]
  }
  if (asked === undefined) return ['daemon        does not run']
  const { connected, downSince, leaseLeftMs, tasks } = asked.value as DaemonState
  const seconds = (ms: number) => `${Math.ceil(ms / 1000)} s`
  return [
    `link          ${connected ? 'up' : `down since ${new Date(downSince ?? 0).toISOString()}`}`,
    `lease         ${leaseLeftMs > 0 ? `${seconds(leaseLeftMs)} left` : 'none: nothing new begins'}`,
    ...tasks.map(({ id, kind, node, tenureLeftMs }) => {
      const right = leaseLeftMs > 0 ? 'under lease' : `by tenure, ${seconds(tenureLeftMs)} left`
      return `running       ${id} ${kind} node ${node}, ${right}`
    }),
  ]
}
