// What was refused to a conductor is in the audit log, and the log is bounded. 1. The same refusal again within a minute counts up in the row that
// is there (`times` in its body), so that a conductor that tries on and on fills nothing. 2. The oldest rows of the organisation go first.
import { insert, isoTime, type AuditInsert } from '../schema/rows.ts'
import { audit } from '../schema/organisation.ts'
import type { Statement } from '../ports.ts'

/** Rows of the audit log that an organisation keeps. */
export const KEPT_AUDIT = 100_000
/** How long the same refusal counts up in one row. */
const SAME_MS = 60_000
/** Rows of the audit log that are looked at for it. */
const RECENT = 200

/** Counts a refusal in the row that is there for it, or makes one. */
export function refusal(row: AuditInsert, now: number): Statement[] {
  const { sql, args } = insert(audit, row)
  const same =
    `SELECT max(id) FROM audit WHERE id > (SELECT coalesce(max(id), 0) - ${RECENT} FROM audit) AND at > ?1` +
    ' AND actor = ?2 AND action = ?3 AND target = ?4 AND outcome = ?5'
  return [
    {
      sql: `UPDATE audit SET body = json_set(body, '$.times', coalesce(body ->> '$.times', 1) + 1) WHERE id = (${same})`,
      args: [isoTime(now - SAME_MS), row.actor ?? null, row.action, row.target ?? null, row.outcome],
    },
    { sql: sql.replace(/VALUES \((.*)\)$/, 'SELECT $1 WHERE changes() = 0'), args },
  ]
}

/** Goes with every row that a hub adds: the ids count up, so it finds at once what is beyond. */
export function pruneAudit(): Statement {
  return { sql: `DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ${KEPT_AUDIT}`, args: [] }
}
