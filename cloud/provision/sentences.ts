// Errors as sentences: faults come with a full stop or without, and what is put behind them begins a new one.
import type { Fault } from '../../shared/faults.ts'

export function sentence(text: string): string {
  return text === '' || /[.!?…]$/.test(text) ? text : `${text}.`
}

/** What happened, and what to do next. */
export function withHint({ message, hint }: Pick<Fault, 'message' | 'hint'>): string {
  return `${sentence(message)} Next: ${hint}`
}
