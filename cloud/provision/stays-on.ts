// Which machines are left on when their work has failed, for a person who wants to see what they say (Ironic's poweroff_in_cleanfail and
// power_off_after_deploy_failure). One whose work was aborted is none of them.
import type { NodeFault } from '../../shared/states.ts'
import type { NodeRow, SiteRow, TaskRow } from '../schema/rows.ts'

const CLEAN_FAILURE: NodeFault = 'clean failure'

export function staysOn(
  site: Pick<SiteRow, 'poweroff_in_cleanfail' | 'power_off_after_deploy_failure'>,
  { fault }: Pick<NodeRow, 'fault'>,
  { kind, cancel }: Pick<TaskRow, 'kind' | 'cancel'>,
): boolean {
  if (cancel) return false
  if (kind === 'clean') return !site.poweroff_in_cleanfail && fault === CLEAN_FAILURE
  return (kind === 'deploy' || kind === 'rebuild') && !site.power_off_after_deploy_failure
}
