// The deploy interface "noop": somebody else deploys the machine. Nothing is done to it when its node becomes active, nor when that ends.
import type { Implementation } from '../driver.ts'

export function noopDeploy<Info>(): Record<string, Implementation<Info>> {
  return { noop: { deployment: { core: [] }, validate() {} } }
}
