// A diagnostic interrupt (NMI), so that a hanging operating system writes its dump. A second one may reset the machine, so it is a person's call and
// never a step of a plan, and it is sent once (IPMI 2.0 §28.3).
import { controlChassis } from '../../ipmi/commands/chassis-control.ts'
import { type IpmiContext, mutate } from './bmc.ts'

export async function injectNmi(context: IpmiContext): Promise<void> {
  await mutate(context, (session, options) => controlChassis(session, 'diag', options))
}
