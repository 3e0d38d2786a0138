import type { RackMessage } from './say.ts'
export type RackResult = Extract<
  RackMessage,
  {
    type: 'done'
  }
>
export interface RackOptions {
  readonly print: (line: string) => void
  readonly automatedClean?: boolean
  readonly format?: 'raw' | 'qcow2'
  /** Keeps console, logs and databases there. */
  readonly keep?: string
}
/** Deploys one machine. Throws with what went wrong and the end of the machine's console. */
export declare function deployOnRack(options: RackOptions): Promise<RackResult>
