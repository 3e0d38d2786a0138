// A site of which nothing is heard: no conductor has a lease. 1. One event when it begins and one when it ends, and one statement for all
// of its nodes each time. 2. Its nodes keep their states, versions and tasks: what the site does meanwhile it reports when it is back.
import { FaultError } from '../../shared/faults.ts'
import { sites } from '../schema/organisation.ts'
import { update } from '../schema/rows.ts'
import type { HubState } from './state.ts'
import { allowReports } from './tenure.ts'
import type { Turn } from './turn.ts'

/** At the start of a turn. By level: a hub that slept through the last lapse finds out, too. */
export function noticeOutage(turn: Turn): void {
  const { state } = turn
  const all = [...state.conductors.values()]
  const wasThere = all.some(({ row }) => row.session > 0)
  if (state.site.offline_since !== null || !wasThere || all.some(({ leaseUntil }) => leaseUntil > 0)) return
  state.site.offline_since = turn.time
  mark(turn, turn.time)
  turn.event('site.offline', { body: { site: state.site.name } })
}

/** A conductor has a lease again. */
export function endOutage(turn: Turn): void {
  const { state, now } = turn
  const since = state.site.offline_since
  if (since === null) return
  state.site.offline_since = null
  mark(turn, null)
  allowReports(turn)
  const seconds = Math.round((now - Date.parse(since)) / 1000)
  turn.event('site.online', { body: { site: state.site.name, offline_since: since, seconds } })
}

/** Not a change of the nodes: their versions (ETags) and updated_at stay, and no row is read. */
function mark(turn: Turn, since: string | null): void {
  const { id } = turn.state.site
  turn.write(update(sites, 'id', id, { offline_since: since }))
  turn.writeToAll({ sql: 'UPDATE nodes SET stale_since = ? WHERE site = ?', args: [since, id] })
}

/** The refusal of what needs a conductor while there is none for `what` ("node …"). */
export function notDriven({ site }: HubState, what: string): FaultError {
  const since = site.offline_since
  if (since === null)
    return new FaultError('site.no_conductor', `No connected conductor of site ${site.name} drives ${what}.`)
  return new FaultError(
    'site.no_conductor',
    `Site ${site.name} is offline since ${since}: none of its conductors is connected, so nothing can be done with ${what}.`,
    {
      hint:
        'what was under way goes on at the site and is reported when it is back; check the site’s uplink and "ferrule-conductor status" there; ' +
        'in an emergency "ferrule-conductor local" acts at the site',
    },
  )
}
