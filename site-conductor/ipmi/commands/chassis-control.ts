// Chassis Control (IPMI 2.0 §28.3, Table 28-4): network function 00h, command 02h, Operator.
// Invariant: only "off" and "on" are repeated after silence. The others would do it to the machine a second time.
import type { RequestOptions, Requester } from '../request.ts'

const actions = { off: 0x00, on: 0x01, cycle: 0x02, reset: 0x03, diag: 0x04, soft: 0x05 } as const

/** `diag` pulses a diagnostic interrupt (NMI), `soft` asks the operating system over ACPI. */
export type ChassisAction = keyof typeof actions

/** Resolves when the BMC has accepted it, which is before the machine has done it: read the state afterwards. */
export async function controlChassis(
  session: Requester,
  action: ChassisAction,
  options?: RequestOptions,
): Promise<void> {
  const kind = action === 'on' || action === 'off' ? 'idempotent' : 'once'
  const data = Uint8Array.of(actions[action])
  await session.request({ name: `Chassis Control (${action})`, netFn: 0x00, command: 0x02, data, kind }, options)
}
