// Errors as sentences: faults come with a full stop or without, and what is put behind them begins a new one.
import type { Fault } from '../../shared/faults.ts'

export function sentence(text: string): string {
  return text === '' || /[.!?…]$/.test(text) ? text : `${text}.`
}

/** What happened, and what to do next. */
export function withHint({ message, hint }: Pick<Fault, 'message' | 'hint'>): string {
  return `${sentence(message)} Next: ${hint}`
}

const MAX_TEXT = 4096

/** As a row keeps it: of bounded length, without half a character at its end. */
export function shortened(text: string): string {
  return text.slice(0, MAX_TEXT).toWellFormed()
}
