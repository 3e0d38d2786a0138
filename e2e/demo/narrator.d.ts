import type { Client } from './client.ts'
export declare class Narrator {
  #private
  constructor(client: Client, node: string, print: (line: string) => void, startMs?: number)
  start(): void
  /** Tells what is left and stops. */
  stop(): Promise<void>
}
