// The options of `node lab/rack.ts up`.
import { parseArgs } from 'node:util'
import type { MachineSpec } from './qemu.ts'

/** Options of `up`; all have defaults. */
export const upOptions = {
  machines: { type: 'string', default: '1' },
  firmware: { type: 'string', default: 'bios' },
  memory: { type: 'string', default: '1024' },
  disk: { type: 'string', default: '8' },
  bmc: { type: 'string', default: 'ipmi_sim' },
  tiny: { type: 'boolean', default: false },
} as const

export const upUsage = `node lab/rack.ts up [--machines 1] [--firmware bios|uefi] [--memory MiB] [--disk GiB]
                       [--bmc ipmi_sim|pyghmi|none] [--tiny]    --tiny puts the test OS on every disk`

/** The machines that the options ask for. Throws with the usage when they make no sense. */
export function requestedMachines(args: readonly string[]): { machines: MachineSpec[]; tiny: boolean } {
  const { values } = parseArgs({ args: [...args], options: upOptions })
  const [count, memoryMiB, sizeGiB] = [values.machines, values.memory, values.disk].map(Number)
  const { firmware, bmc } = values
  const isNumber = (value: number | undefined, most: number): value is number =>
    value !== undefined && Number.isInteger(value) && value >= 1 && value <= most
  if (!isNumber(count, 200) || !isNumber(memoryMiB, 1 << 20) || !isNumber(sizeGiB, 1 << 14)) throw new Error(upUsage)
  if (firmware !== 'bios' && firmware !== 'uefi') throw new Error(upUsage)
  if (bmc !== 'ipmi_sim' && bmc !== 'pyghmi' && bmc !== 'none') throw new Error(upUsage)
  const machine = (_: unknown, index: number): MachineSpec => ({
    name: `machine${index + 1}`,
    firmware,
    memoryMiB,
    bmc,
    disks: [{ sizeGiB }],
  })
  return { machines: Array.from({ length: count }, machine), tiny: values.tiny }
}
