// Where Ferrule answers otherwise than Ironic 21.4 and means to. Each has a name and a reason; a difference that is none of these fails.
import type { Sent } from './requests.ts'

export interface Seen {
  readonly status: number
  readonly body: unknown
}

export interface Difference {
  readonly name: string
  readonly why: string
  /** Keys of answers that differ, and nothing else; without it the whole of the answer may. */
  readonly keys?: readonly string[]
  explains(sent: Sent, theirs: Seen, ours: Seen): boolean
}

const always = () => true

export const WANTED: readonly Difference[] = [
  {
    name: 'next for gophercloud',
    why: 'gophercloud follows nodes_links and nothing else; `next` is there as well',
    keys: ['nodes_links', 'ports_links', 'next'],
    explains: always,
  },
]
