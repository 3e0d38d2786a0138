// The deploy interface "autodetect": one of the others, chosen by the cloud for each instance. To a cloud that knows nothing of choosing it is the last of
// them, which is what a node without an instance has.
import type { Implementation } from '../driver.ts'

/** `last`: of `names`. */
export function autodetectDeploy<Info>(names: readonly string[], last: Implementation<Info>): Implementation<Info> {
  return { ...last, deployment: { core: last.deployment?.core ?? [], chooses: names } }
}
