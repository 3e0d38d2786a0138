// What the outer process and the one inside the rack's namespaces tell each other.
import type { BootDevice } from '../../lab/chassis.ts'
import type { StoryResult } from './story.ts'

export interface MachineResult {
  readonly name: string
  readonly result: StoryResult
  /** How often the power went from off to on. */
  readonly powerOns: number
  /** Chassis Control commands that the BMC took, by its own log (IPMI 2.0 §28.3: 00 power down, 01 power up, 02 cycle, 03 reset). */
  readonly bmcControls: readonly string[]
  /** For each start and reset the order of boot devices that it was made with, after what the BMC had been told. */
  readonly starts: readonly (readonly BootDevice[])[]
  /** UEFI: what the firmware started, by its own account. */
  readonly firmwareLines: readonly string[]
  /** The console around the line on which the deployed system says who it is. */
  readonly consoleLines: readonly string[]
}

export type RackMessage =
  | { readonly type: 'line'; readonly text: string }
  | { readonly type: 'done'; readonly machines: readonly MachineResult[] }
  | { readonly type: 'failed'; readonly message: string }
