// How many machines were booted: one line for each in the file that FERRULE_BOOTS names. The runner of the tests shows it beside their seconds.
import { appendFileSync } from 'node:fs'

const VARIABLE = 'FERRULE_BOOTS'

/** Called by whoever starts the firmware of a virtual machine, at power-on and at a reset. */
export function countBoot(machine: string): void {
  const file = process.env[VARIABLE]
  if (file) appendFileSync(file, `${machine}\n`)
}
