import type { Client } from './client.ts'
export interface StoryMachine {
  readonly name: string
  readonly mac: string
  readonly driverInfo: Record<string, unknown>
  readonly properties?: Record<string, unknown>
  /** Erase disk metadata before the node becomes available (boots the ramdisk once more). */
  readonly automatedClean: boolean
  /** Resolves with the console line on which the deployed system says who it is. */
  osUp(timeoutMs: number): Promise<string>
}
export interface StoryImage {
  readonly url: string
  readonly sha256: string
  readonly format: 'raw' | 'qcow2'
}
export interface StoryResult {
  readonly uuid: string
  readonly osLine: string
  /** From the deploy verb to the console line. */
  readonly seconds: number
}
/** Tells the story and answers what the deployed system said. Throws when it ends badly. */
export declare function deployStory(
  client: Client,
  machine: StoryMachine,
  image: StoryImage,
  print: (line: string) => void,
  timeoutMs: number,
): Promise<StoryResult>
