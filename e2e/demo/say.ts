// What the outer process and the one inside the rack's namespaces tell each other.
import type { StoryResult } from './story.ts'

export type RackMessage =
  | { readonly type: 'line'; readonly text: string }
  | {
      readonly type: 'done'
      readonly result: StoryResult
      readonly powerOns: number
      readonly consoleLines: readonly string[]
    }
  | { readonly type: 'failed'; readonly message: string }
