// Every wanted difference, by kind.
import type { Wanted } from '../wanted.ts'
import { UPSTREAM_FAILS } from './defects.ts'
import { FAKE_MACHINE } from './fake-machine.ts'
import { FIELDS_DIFFER } from './fields.ts'
import { BOTH_REFUSE } from './order.ts'
import { OTHER_STATUSES } from './other.ts'
import { STRICTER } from './stricter.ts'
import { VERSION_FIRST } from './versions.ts'

export const KINDS: Readonly<Record<string, readonly Wanted[]>> = {
  'Fields of answers': FIELDS_DIFFER,
  'Fake hardware': FAKE_MACHINE,
  'What Ironic fails at': UPSTREAM_FAILS,
  'What Ironic takes and Ferrule refuses': STRICTER,
  'Other statuses': OTHER_STATUSES,
  'What a microversion does not have': VERSION_FIRST,
  'Both refuse, for another of two faults': BOTH_REFUSE,
}
export const WANTED: readonly Wanted[] = Object.values(KINDS).flat()
