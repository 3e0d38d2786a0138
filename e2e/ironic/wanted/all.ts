// Every wanted difference.
import type { Wanted } from '../wanted.ts'
import { UPSTREAM_FAILS } from './defects.ts'
import { FAKE_MACHINE } from './fake-machine.ts'
import { FIELDS_DIFFER } from './fields.ts'
import { BOTH_REFUSE } from './order.ts'
import { OTHER_STATUSES } from './other.ts'
import { STRICTER } from './stricter.ts'
import { VERSION_FIRST } from './versions.ts'

export const WANTED: readonly Wanted[] = [
  ...FIELDS_DIFFER,
  ...FAKE_MACHINE,
  ...UPSTREAM_FAILS,
  ...STRICTER,
  ...OTHER_STATUSES,
  ...VERSION_FIRST,
  ...BOTH_REFUSE,
]
