// The point of no return of a task (protocol.ts, Step): what hub and conductor must see alike, or one would wait for the other.
import type { Step } from './protocol.ts'

/**
 * Is a task at step `index` past it? Then a cancel is refused, except in the middle of a step that waits, and no later question is answered
 * with it. `isPermitted`: the step itself has been permitted before, and may have begun.
 */
export function isPastNoReturn(steps: readonly Step[], index: number, isPermitted: boolean): boolean {
  return steps.slice(0, isPermitted ? index + 1 : index).some(({ pointOfNoReturn }) => pointOfNoReturn)
}
