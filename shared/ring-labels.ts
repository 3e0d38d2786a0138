// Labels that a node asks of its conductor: driver_info.conductor_labels, {"row": "7"}. How a machine is reached is what driver_info says,
// and who can reach it is part of that (docs/adr/0010).
import { z } from 'zod'
import { FaultError } from './faults.ts'
import { labelText } from './ring.ts'

export const LABELS_FIELD = 'conductor_labels'

/** As a conductor's labels may be written; neither part can hold what separates them. */
export const Labels = z.record(
  z.string().regex(/^[A-Za-z0-9][\w.-]{0,62}$/, 'a label is 1 to 63 of the characters A-Z a-z 0-9 _ . -'),
  z.string().regex(/^[\w.:/-]{0,255}$/, 'the value of a label has none but A-Z a-z 0-9 _ . : / -'),
)

/** The labels that `driverInfo` asks for, as the ring writes them. Throws driver.invalid_info. */
export function askedLabels(driverInfo: unknown): string {
  const asked = (driverInfo as Record<string, unknown> | null)?.[LABELS_FIELD]
  if (asked === undefined || asked === null) return ''
  const parsed = Labels.safeParse(asked)
  if (parsed.success) return labelText(parsed.data)
  throw new FaultError('driver.invalid_info', `driver_info.${LABELS_FIELD}: ${parsed.error.issues[0]!.message}.`, {
    hint: `write it as {"row": "7"}; GET /v1/conductors shows the labels that there are`,
  })
}
